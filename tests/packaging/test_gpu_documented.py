"""Calls that need a GPU are in one module, and docs/guides/gpu.md says how to check each."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
MODULE = ROOT / "worker" / "renderq_worker" / "devices" / "cuda.py"


def calls(path: Path) -> set[str]:
    return set(re.findall(r"torch\.cuda\.(\w+)", path.read_text(encoding="utf-8")))


def test_one_module_calls_cuda() -> None:
    sources = (path for folder in ("shared", "api", "worker") for path in (ROOT / folder).rglob("*.py"))
    assert [path for path in sources if calls(path)] == [MODULE]


def test_exactly_the_calls_that_exist_are_documented() -> None:
    page = (ROOT / "docs" / "guides" / "gpu.md").read_text(encoding="utf-8")
    table = page[page.index("| call |") : page.index("Also specific to GPUs")]
    documented = {name for row in table.splitlines()[2:] if row for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert documented == calls(MODULE)


def test_every_check_that_is_named_exists() -> None:
    tests = (ROOT / "tests" / "worker" / "engine" / "test_cuda.py").read_text(encoding="utf-8")
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs" / "guides" / "gpu.md").read_text(encoding="utf-8")))
    assert named == set(re.findall(r"def (test_\w+)", tests))
