"""Tables of measurements: ratios within one run, median and spread."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ratio:
    """renderq against a peer, measured in turns."""

    name: str
    ratios: Sequence[float]
    """Peer ÷ renderq in seconds: above 1, renderq is faster."""
    note: str = ""

    def row(self) -> str:
        low, high = min(self.ratios), max(self.ratios)
        return f"| {self.name} | {statistics.median(self.ratios):.2f} | {low:.2f} … {high:.2f} | {self.note} |"


def measure_alternately(ours: Callable[[], float], theirs: Callable[[], float], rounds: int) -> list[float]:
    """Ratios peer ÷ renderq of seconds, one per round; the first round of each is a warm-up."""
    ours(), theirs()
    ratios: list[float] = []
    for number in range(rounds):
        first, second = (ours, theirs) if number % 2 else (theirs, ours)
        measured = {first: first(), second: second()}
        ratios.append(measured[theirs] / measured[ours])
    return ratios


def print_table(title: str, rows: Sequence[Ratio]) -> None:
    print(f"## {title}\n\n| what | ratio | spread | |\n|---|---|---|---|")
    print("\n".join(row.row() for row in rows), flush=True)
