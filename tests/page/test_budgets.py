"""Size of the page: small enough to load without a bundler, and to be read."""

from statistics import median

import pytest

from renderq_api.page.site import FOLDER, read_site

TOTAL_BYTES = 150_000
MODULES = 120
LINES = 200
MEDIAN_LINES = 80

LANGUAGES = {"en.js", "de.js"}
"""Tables of sentences, which may be long."""

OWN = sorted(path for path in FOLDER.rglob("*.js") if path.parent.name != "vendor" and path.name not in LANGUAGES)


def lines(text: str) -> int:
    return len(text.splitlines())


def test_everything_compressed_is_small() -> None:
    loaded = {name: file for name, file in read_site().files.items() if name.endswith((".js", ".css", ".svg", ".json"))}
    loaded.pop("vendor/imports.json")  # the service reads it
    assert sum(len(file.compressed) for file in loaded.values()) <= TOTAL_BYTES


def test_the_modules_are_few() -> None:
    assert len([name for name in read_site().files if name.endswith(".js")]) <= MODULES


@pytest.mark.parametrize("name", [path.relative_to(FOLDER).as_posix() for path in OWN])
def test_a_module_fits_the_eye(name: str) -> None:
    assert lines((FOLDER / name).read_text(encoding="utf-8")) <= LINES


def test_most_modules_are_short() -> None:
    assert median(lines(path.read_text(encoding="utf-8")) for path in OWN) <= MEDIAN_LINES
