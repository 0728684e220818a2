"""A key that something else has overwritten: every command does all or nothing, and names the kind of the key."""

import re
from collections.abc import Callable
from importlib.resources import files

import pytest
import redis

from renderq_shared.redis.scripts import execute
from tests.shared.jobs.redis.databases import BROKEN, HEALTHY, copy, differences
from tests.shared.jobs.redis.example_calls import CALLS, refused

KINDS = [
    kind
    for package in ("renderq_shared.jobs.redis", "renderq_shared.access")
    for kind in re.findall(
        r"^--   (rq:\S+)", (files(package) / "lua" / "include" / "prelude.lua").read_text("utf-8"), re.MULTILINE
    )
    if kind != "rq:dead-letters"  # no script uses it
]
COUNTERS = {"rq:queued", "rq:sequence", "rq:keys-version", "rq:visitor-count:ADDRESS", "rq:visitor-keys:ADDRESS"}


def keys_of(kind: str, client: redis.Redis) -> list[str]:
    pattern = ":".join("*" if part.isupper() else part for part in kind.split(":"))
    return sorted(key for key in client.scan_iter(pattern) if key.count(":") == kind.count(":"))


def test_every_call_has_something_to_write(filled: redis.Redis) -> None:
    """Otherwise the test below would say nothing about it."""
    idle = set[str]()
    for name, call in CALLS.items():
        copy(filled, HEALTHY, 0)
        execute(filled, call)
        if not differences(filled, HEALTHY):
            idle.add(name)
    reading = {"check_submission", "replay_submission", "get_job", "get_asset", "get_purge"}
    reading |= {"chosen_model", "tenants", "stats", "load_minutes", "timings"}
    assert idle == {*reading, "claim_again", "claim_deliveries_again", "delete_again", "read_keys"}


@pytest.mark.parametrize("kind", [*KINDS, "renderq.shapes"])
def test_a_key_of_a_wrong_type_stops_commands_before_they_write(filled: redis.Redis, kind: str) -> None:
    copy(filled, HEALTHY, 0)
    found = keys_of(kind, filled)[:6]
    assert found
    refusals = set[str]()
    for key in found:
        for write in wrong_writes(filled, key, kind):
            copy(filled, HEALTHY, 0)
            filled.delete(key)
            write(key, "written by hand")
            copy(filled, 0, BROKEN)
            for name, call in CALLS.items():
                if refusal := refused(filled, call):
                    refusals.add(refusal)
                    assert differences(filled, BROKEN) == [], f"{name} has written"
                else:
                    copy(filled, BROKEN, 0)
    reason = f"a key of the kind {':'.join(kind.split(':')[:2])} has a value that renderq did not write"
    assert refusals == {f"{reason}: rename or delete it (WRONGTYPE)"}


def wrong_writes(client: redis.Redis, key: str, kind: str) -> list[Callable[[str, str], object]]:
    """Return ways to write a value of a wrong type, or of the right one that is no number."""
    is_string = client.type(key) == "string"
    return [*([client.lpush] if is_string else []), *([client.set] if not is_string or kind in COUNTERS else [])]
