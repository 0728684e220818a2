"""Files of the page: their digest, and `index.html` for a base path."""

import json
import re
import shutil
from pathlib import Path

import pytest

from renderq_api.page.site import FOLDER, read_site

NAMES = sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FOLDER, tmp_path / "files"))


@pytest.mark.parametrize("name", NAMES)
def test_digest_changes_with_any_file(folder: Path, name: str) -> None:
    (folder / name).write_bytes((folder / name).read_bytes() + b" ")
    assert read_site(folder).digest != read_site().digest


def test_digest_changes_with_any_name(folder: Path) -> None:
    (folder / "icon.svg").rename(folder / "other.svg")
    assert read_site(folder).digest != read_site().digest


def test_digest_is_the_same_for_the_same_files(folder: Path) -> None:
    assert re.fullmatch("[0-9a-f]{12}", read_site().digest)
    assert read_site(folder).digest == read_site().digest


@pytest.mark.parametrize("base", ["", "/render", "/a/b.c"])
def test_every_address_in_index_is_a_file_below_the_digest(base: str) -> None:
    site = read_site()
    index = site.index(base)
    text = index.body.decode()
    files = f"{base}/ui/{site.digest}/"
    imported = json.loads(index.import_map)["imports"].values()
    addresses = [*imported, *re.findall(r'(?:href|src)="([^"]+)"', text)]
    assert [each for each in addresses if not each.startswith(files)] == []
    assert {each.removeprefix(files) for each in addresses} <= site.files.keys()
    assert f'data-base="{base}/"' in text


def test_modules_of_the_first_view_are_preloaded_after_the_import_map() -> None:
    site = read_site()
    _, after = site.index("").body.decode().split('<script type="importmap">')
    preloaded = re.findall(r'<link rel="modulepreload" href="/ui/\w+/([^"]+)">', after)
    assert preloaded == list(site.first)


def test_the_import_map_is_the_only_inline_script() -> None:
    index = read_site().index("")
    text = index.body.decode()
    assert re.findall(r"<script[^>]*>(.+?)</script>", text, re.DOTALL) == [index.import_map]
    assert not re.search(r"<style|\sstyle=|\son\w+=", text)


def test_a_base_path_cannot_be_markup() -> None:
    text = read_site().index('/"><script>alert(1)</script>').body.decode()
    assert "alert(1)" not in text
