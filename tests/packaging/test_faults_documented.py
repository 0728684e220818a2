"""The table in docs/explanation/guarantees.md has every fault of the suite, and README.md the sums of its columns."""

import re
from pathlib import Path

from tests.faults.faults import FAULTS, REFUSING_FAULTS
from tests.faults.history_faults import HISTORY_FAULTS

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| ([^|]+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| [^|]+ \|$", re.MULTILINE)
SUMMARY = re.compile(
    r"^(\d+) faults, ([\d,]+) rounds, ([\d,]+) jobs: "
    r"(\d+) jobs lost, (\d+) finished twice, (\d+) taken from a healthy worker\.$",
    re.MULTILINE,
)


def table() -> dict[str, list[int]]:
    """Return the columns of numbers by fault."""
    page = (ROOT / "docs" / "explanation" / "guarantees.md").read_text(encoding="utf-8")
    return {fault: list(map(int, numbers)) for fault, *numbers in ROW.findall(page)}


def test_every_fault_is_in_the_table() -> None:
    assert table().keys() == {*FAULTS, *REFUSING_FAULTS, *HISTORY_FAULTS, "clocks an hour apart"}


def test_the_readme_has_the_sums_of_the_table() -> None:
    [summary] = SUMMARY.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    rows = table().values()
    assert [int(number.replace(",", "")) for number in summary] == [len(rows), *map(sum, zip(*rows, strict=True))]
