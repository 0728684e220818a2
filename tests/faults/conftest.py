"""The table of all faults, printed at the end of a run."""

from collections.abc import Iterator
from statistics import median

import pytest

from tests.faults.fault_round import Tally

TALLIES = pytest.StashKey[dict[str, Tally]]()


@pytest.fixture
def tallies(pytestconfig: pytest.Config) -> dict[str, Tally]:
    return pytestconfig.stash.setdefault(TALLIES, {})


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    tallies = config.stash.get(TALLIES, {})
    if tallies:
        terminalreporter.write_sep("=", "faults")
        for line in table(tallies):
            terminalreporter.write_line(line)


def table(tallies: dict[str, Tally]) -> Iterator[str]:
    """Markdown."""
    yield "| fault | rounds | jobs | lost | doubled | taken from a healthy worker | resumed: median, latest |"
    yield "|---|---|---|---|---|---|---|"
    for fault, tally in tallies.items():
        counts = " | ".join(str(len(found)) for found in (tally.lost, tally.duplicated, tally.taken_from_healthy))
        times = ", ".join(f"{pick(tally.resumed_s):.2f} s" for pick in (median, max) if tally.resumed_s)
        yield f"| {fault} | {tally.rounds} | {tally.jobs} | {counts} | {times or 'no lease ended'} |"
