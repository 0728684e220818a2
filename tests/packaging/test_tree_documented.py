"""The documentation names every folder and every route, and only modules that exist."""

import re
import subprocess
from pathlib import Path

import pytest

from renderq_api.doors import DOORS
from renderq_api.routes import ROUTERS

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "renderq": "shared/renderq",
    "renderq_shared": "shared/renderq_shared",
    "renderq_api": "api/renderq_api",
    "renderq_worker": "worker/renderq_worker",
}
TOP_PAGES = ["shared/README.md", "api/README.md", "worker/README.md"]


def folders(package: str) -> set[str]:
    """Return the folders with Python or Lua files, relative to the package."""
    listing = ["git", "ls-files", f"{PACKAGES[package]}/*.py", f"{PACKAGES[package]}/*.lua"]
    files = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return {str(Path(file).parent.relative_to(PACKAGES[package])) for file in files} - {"."}


def test_every_folder_is_described() -> None:
    page = (ROOT / "docs" / "explanation" / "architecture.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## `(\w+)`.*?\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL))
    described = {name: set(re.findall(r"^- `([\w/]+)/`", text, re.MULTILINE)) for name, text in sections.items()}
    data = {"builtin/shapes"}
    assert {name: named - data for name, named in described.items()} == {name: folders(name) for name in PACKAGES}


@pytest.mark.parametrize("page", ["docs/glossary.md", "docs/explanation/architecture.md", *TOP_PAGES])
def test_named_modules_exist(page: str) -> None:
    named = re.findall(r"`(renderq\w*)/([\w/]+(?:\.\w+)?)`", (ROOT / page).read_text(encoding="utf-8"))
    assert named
    paths = [f"{PACKAGES[package]}/{path}" for package, path in named]
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_route_is_documented() -> None:
    page = (ROOT / "docs" / "reference" / "http.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `([A-Z]+) (/\S+)` \|", page, re.MULTILINE))
    routes = {
        (method, re.sub(r":\w+}", "}", route.path))
        for router in (*ROUTERS, *(door.router for door in DOORS.values()))
        for route in router.routes
        for method in route.methods - {"HEAD"}
    }
    assert documented == routes
