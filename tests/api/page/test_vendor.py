"""Modules of other projects are the ones that `vendor/README.md` names, with their licenses."""

import hashlib
import re

import pytest

from renderq_api.page.site import FOLDER, read_site

VENDOR = FOLDER / "vendor"
ROW = re.compile(
    r"^\| `([\w-]+\.js)` \| (\S+) ([\d.]+) \| `\S+` \| \[\S+\]\((\S+)\) \| `([0-9a-f]{64})` \|$", re.MULTILINE
)
ROWS = ROW.findall((VENDOR / "README.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("file", "package", "version", "license_file", "digest"), ROWS, ids=[row[0] for row in ROWS])
def test_vendored_files_are_unchanged(file: str, package: str, version: str, license_file: str, digest: str) -> None:
    assert hashlib.sha256((VENDOR / file).read_bytes()).hexdigest() == digest, f"{package} {version}"
    assert (VENDOR / license_file).stat().st_size > 500


def test_every_vendored_file_is_named() -> None:
    named = {row[0] for row in ROWS} | {row[3] for row in ROWS} | {"README.md", "imports.json"}
    assert {path.name for path in VENDOR.iterdir()} == named


def test_every_vendored_module_has_a_name_to_import() -> None:
    import_map = read_site().index("").import_map
    assert [row[0] for row in ROWS if f"/vendor/{row[0]}" not in import_map] == []
