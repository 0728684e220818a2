"""A right that is withdrawn from a running service: every command does all or nothing."""

from collections.abc import Iterator

import pytest
import redis

from tests.shared.jobs.redis.databases import HEALTHY, copy, differences
from tests.shared.jobs.redis.example_calls import CALLS, refused
from tests.valkey_server import Valkey

RIGHTS = ("&rq:*", "+publish", "+hset", "+zrem", "+hgetall", "+exists", "+pubsub|numsub")
"""Some that scripts need first, and some that they need after their first write."""


@pytest.fixture
def limited(filled: redis.Redis, valkey: Valkey) -> Iterator[redis.Redis]:
    """A client whose user has all rights until a test withdraws one."""
    filled.execute_command("ACL", "SETUSER", "limited", "reset", "on", ">secret", "~*", "&*", "+@all")
    with redis.Redis(port=valkey.port, username="limited", password="secret", decode_responses=True) as limited:
        yield limited
    filled.execute_command("ACL", "DELUSER", "limited")


@pytest.mark.parametrize("right", RIGHTS)
def test_a_missing_right_stops_commands_before_they_write(
    filled: redis.Redis, limited: redis.Redis, right: str
) -> None:
    withdrawal = "resetchannels" if right.startswith("&") else f"-{right[1:]}"
    filled.execute_command("ACL", "SETUSER", "limited", withdrawal)
    copy(filled, HEALTHY, 0)
    stopped: set[str] = set()
    for name, call in CALLS.items():
        if refusal := refused(limited, call):
            assert "(NOPERM)" in refusal
            assert differences(filled, HEALTHY) == [], f"{name} has written"
            stopped.add(name)
        else:
            copy(filled, HEALTHY, 0)
    assert {"submit", "claim", "finish", "admit_visitor"} <= stopped
