"""Size of the page: small enough to load without a bundler, and to be read."""

from collections.abc import Iterable
from statistics import median

import pytest

from renderq_api.page.site import FOLDER, read_site

TOTAL_BYTES = 180_000
MODULES = 140

FIRST_BYTES = 100_000
"""Before the prompt can be used."""
FIRST_MODULES = 70
"""Before the prompt can be used."""

LINES = 200
MEDIAN_LINES = 80

LANGUAGES = {"en.js", "de.js"}
"""Tables of sentences, which may be long."""

OWN = sorted(path for path in FOLDER.rglob("*.js") if path.parent.name != "vendor" and path.name not in LANGUAGES)


def lines(text: str) -> int:
    return len(text.splitlines())


def compressed_bytes(names: Iterable[str]) -> int:
    files = read_site().files
    return sum(len(files[name].compressed) for name in names)


def files(*suffixes: str) -> list[str]:
    return [name for name in read_site().files if name.endswith(suffixes)]


def test_everything_compressed_is_small() -> None:
    assert compressed_bytes(files(".js", ".css", ".svg", ".json")) <= TOTAL_BYTES


def test_the_modules_are_few() -> None:
    assert len(files(".js")) <= MODULES


def test_the_first_view_needs_half_of_them() -> None:
    first = read_site().first
    assert len(first) <= FIRST_MODULES
    assert compressed_bytes([*first, *files(".css")]) <= FIRST_BYTES


@pytest.mark.parametrize("name", [path.relative_to(FOLDER).as_posix() for path in OWN])
def test_a_module_fits_the_eye(name: str) -> None:
    assert lines((FOLDER / name).read_text(encoding="utf-8")) <= LINES


def test_most_modules_are_short() -> None:
    assert median(lines(path.read_text(encoding="utf-8")) for path in OWN) <= MEDIAN_LINES
