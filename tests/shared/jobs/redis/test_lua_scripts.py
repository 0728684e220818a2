"""Conventions of the Lua files."""

import re
from collections import Counter
from importlib.resources import files
from pathlib import Path

import pytest
import redis

from renderq_shared.redis.scripts import Script, load_script

PACKAGES = ("renderq_shared.jobs.redis", "renderq_shared.access")
FOLDERS = {package: Path(str(files(package))) / "lua" for package in PACKAGES}
NAMES = [
    pytest.param(package, path.stem, id=f"{package.split('.')[1]}-{path.stem}")
    for package, folder in FOLDERS.items()
    for path in sorted(folder.glob("*.lua"))
]


@pytest.mark.parametrize(("package", "name"), NAMES)
def test_every_script_says_what_it_takes_gives_and_keeps_atomic(package: str, name: str) -> None:
    text = (FOLDERS[package] / f"{name}.lua").read_text("utf-8")
    header = re.match(r"#!lua[^\n]*\n((?:--[^\n]*\n)+)", text)
    assert header
    assert all(f"\n-- {part}" in header[1] for part in ("ARGV:", "Returns", "Atomic:"))


@pytest.mark.parametrize(("package", "name"), NAMES)
def test_no_local_of_the_file_scope_is_defined_twice(package: str, name: str) -> None:
    """A second definition would shadow the first one."""
    source = load_script(package, name).source
    defined = Counter(re.findall(r"^local (?:function )?(\w+)", source, re.MULTILINE))
    assert [local for local, count in defined.items() if count > 1] == []


def test_only_what_begins_something_is_refused_by_a_full_server() -> None:
    scripts: dict[str, Script] = {name: load_script(package, name) for package, name in (each.values for each in NAMES)}
    refused = [
        name for name, each in scripts.items() if not re.match(r"#!lua flags=(allow-oom|no-writes)\n", each.source)
    ]
    assert sorted(refused) == [
        *("admit_visitor", "annotate", "check_submission", "move", "reserve_asset"),
        *("submit", "submit_batch"),
    ]


def test_the_server_takes_every_script_under_the_digest_that_we_compute(client: redis.Redis) -> None:
    for package, name in (each.values for each in NAMES):
        script = load_script(package, name)
        assert client.script_load(script.source) == script.sha
