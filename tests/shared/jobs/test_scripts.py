"""The Lua files keep their own rules."""

import re
from pathlib import Path

import pytest
import redis

import renderq_shared.jobs
from renderq_shared.jobs.scripts import load_script

FOLDER = Path(renderq_shared.jobs.__file__).parent / "lua"
PARTS = {"prelude", "access", "fairness", "assets", "outbox", "queue"}
NAMES = sorted(path.stem for path in FOLDER.glob("*.lua") if path.stem not in PARTS)


@pytest.mark.parametrize("name", NAMES)
def test_every_script_says_what_it_takes_gives_and_keeps_atomic(name: str) -> None:
    text = (FOLDER / f"{name}.lua").read_text("utf-8")
    header = re.match(r"#!lua[^\n]*\n((?:--[^\n]*\n)+)", text)
    assert header
    assert all(f"\n-- {part}" in header[1] for part in ("ARGV:", "Returns", "Atomic:"))


def test_only_what_begins_something_is_refused_by_a_full_server() -> None:
    refused = [name for name in NAMES if not re.match(r"#!lua flags=(allow-oom|no-writes)\n", load_script(name).source)]
    assert refused == ["reserve_asset", "restore", "submit"]


def test_the_server_takes_every_script_under_the_digest_that_we_compute(client: redis.Redis) -> None:
    for name in NAMES:
        script = load_script(name)
        assert client.script_load(script.source) == script.sha
