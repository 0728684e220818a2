"""Permissions that API and workers need of a Redis user (ACL), and the check that names those that are missing."""

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from typing import Any, Literal, cast

from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from renderq_shared.errors import StoreUnavailable
from renderq_shared.redis.errors import translate_errors

Role = Literal["api", "worker"]

_STATE, _QUEUES, _BINDINGS, _UNACKED = "rq:*", "renderq.*", "_kombu.*", "unacked*"
"""Key patterns: the job store, Celery's lists of wake-ups, and its other keys."""

_CHANNELS = "rq:*"

# fmt: off
_SCRIPTS = [
    "DECR", "DEL", "EXISTS", "GET", "HDEL", "HGET", "HGETALL", "HINCRBY", "HINCRBYFLOAT", "HKEYS", "HMGET",
    "HSET", "HSETNX", "INCR", "INCRBY", "LLEN", "LPUSH", "LRANGE", "LTRIM", "PERSIST", "PEXPIRE", "SADD", "SET",
    "SISMEMBER", "SMEMBERS", "SREM", "ZADD", "ZCARD", "ZCOUNT", "ZRANGE", "ZRANK", "ZREM", "ZREMRANGEBYSCORE",
    "ZSCORE",
]
# fmt: on

_KEYS: Mapping[Role, Mapping[str, list[str]]] = {
    "api": {_STATE: _SCRIPTS, _QUEUES: ["LLEN", "LPUSH"], _BINDINGS: ["SADD"]},
    "worker": {
        _STATE: _SCRIPTS,
        _QUEUES: ["BRPOP", "LLEN", "LPUSH", "RPUSH"],
        _BINDINGS: ["SADD", "SMEMBERS"],
        _UNACKED: ["DEL", "EXISTS", "GET", "HDEL", "HGET", "HSET", "SET", "WATCH", "ZADD", "ZRANGE", "ZREM"],
    },
}
"""Role → key pattern → commands."""

# fmt: off
_COMMON = [
    "CLIENT|SETINFO", "EVAL", "EVALSHA", "EXEC", "INFO", "MULTI", "PING", "PUBSUB|NUMSUB", "SCAN", "SELECT", "TIME",
]
# fmt: on

_KEYLESS: Mapping[Role, list[str]] = {
    "api": [*_COMMON, "UNSUBSCRIBE", "WAITAOF"],
    "worker": [*_COMMON, "SCRIPT|LOAD"],
}

_ON_CHANNELS = ["PUBLISH", "SUBSCRIBE"]

_ARGUMENTS: Mapping[str, str] = {
    "BRPOP": "{key} 1",
    "CLIENT|SETINFO": "LIB-NAME x",
    "EVAL": "x 0",
    "EVALSHA": "x 0",
    "EXEC": "",
    "HDEL": "{key} x",
    "HGET": "{key} x",
    "HINCRBY": "{key} x 1",
    "HINCRBYFLOAT": "{key} x 1",
    "HMGET": "{key} x",
    "HSET": "{key} x x",
    "HSETNX": "{key} x x",
    "INCRBY": "{key} 1",
    "INFO": "",
    "LPUSH": "{key} x",
    "LRANGE": "{key} 0 1",
    "LTRIM": "{key} 0 1",
    "MULTI": "",
    "PEXPIRE": "{key} 1",
    "PING": "",
    "PUBLISH": "{key} x",
    "PUBSUB|NUMSUB": "x",
    "RPUSH": "{key} x",
    "SADD": "{key} x",
    "SCAN": "0",
    "SCRIPT|LOAD": "x",
    "SELECT": "0",
    "SET": "{key} x",
    "SISMEMBER": "{key} x",
    "SREM": "{key} x",
    "TIME": "",
    "UNSUBSCRIBE": "",
    "WAITAOF": "1 0 1",
    "ZADD": "{key} 1 x",
    "ZCOUNT": "{key} 0 1",
    "ZRANGE": "{key} 0 1",
    "ZRANK": "{key} x",
    "ZREM": "{key} x",
    "ZREMRANGEBYSCORE": "{key} 0 1",
    "ZSCORE": "{key} x",
}
"""Command → arguments, if it takes more or less than a key."""


def acl_rules(role: Role) -> tuple[str, ...]:
    """Return the rules of `ACL SETUSER` that give a role exactly what it needs."""
    commands = {*_KEYLESS[role], *_ON_CHANNELS}.union(*_KEYS[role].values())
    patterns = (f"~{pattern}" for pattern in _KEYS[role])
    return (
        "resetkeys",
        "resetchannels",
        *patterns,
        f"&{_CHANNELS}",
        "-@all",
        *(f"+{c.lower()}" for c in sorted(commands)),
    )


def check_permissions(client: Redis, role: Role) -> None:
    """Raise `StoreUnavailable` that names the missing permissions, if there are any."""
    probes = _probes(role)
    with _named_eval(), translate_errors():
        denied = cast(Any, client).eval(_script(), 0, *probes)
    _require_all(role, probes, denied)


async def check_permissions_async(client: AsyncRedis, role: Role) -> None:
    """Like `check_permissions`, for event loops."""
    probes = _probes(role)
    with _named_eval(), translate_errors():
        denied = await cast(Any, client).eval(_script(), 0, *probes)
    _require_all(role, probes, denied)


@cache
def _probes(role: Role) -> Mapping[str, tuple[str, str]]:
    """Return command line → command and rule of its keys or channel.

    All commands on all key patterns, to distinguish a missing command from a missing pattern.
    """
    commands = sorted(set[str]().union(*_KEYS[role].values()))
    return {
        **{_line(command): (command, "") for command in _KEYLESS[role]},
        **{_line(command, _CHANNELS): (command, f"&{_CHANNELS}") for command in _ON_CHANNELS},
        **{_line(command, pattern): (command, f"~{pattern}") for command in commands for pattern in _KEYS[role]},
    }


def _line(command: str, pattern: str = "") -> str:
    arguments = _ARGUMENTS.get(command, "{key}").format(key=pattern.replace("*", "permission-check"))
    return f"{command.replace('|', ' ')} {arguments}".strip()


def _require_all(role: Role, probes: Mapping[str, tuple[str, str]], denied_lines: list[str]) -> None:
    denied = [probes[line] for line in denied_lines]
    if missing := tuple(dict.fromkeys(_missing(role, denied, set(probes.values()) - set(denied)))):
        raise _lacking(*missing)


@contextmanager
def _named_eval() -> Generator[None]:
    """Name the permission to run the check itself."""
    try:
        yield
    except StoreUnavailable as error:
        raise _lacking("+eval") if error.refusal and "(NOPERM)" in error.refusal else error from error


def _lacking(*rules: str) -> StoreUnavailable:
    refusal = (
        f"the user of RENDERQ_REDIS_URL lacks {' '.join(rules)} (NOPERM); the deployment guide lists what it needs"
    )
    return StoreUnavailable(f"Redis refuses commands: {refusal}", refusal)


def _missing(role: Role, denied: list[tuple[str, str]], allowed: set[tuple[str, str]]) -> Iterator[str]:
    """Yield the rules that the user lacks: the pattern, if other keys are allowed to the command, else the command."""
    for command, pattern in denied:
        if pattern.startswith("~") and command not in _KEYS[role][pattern[1:]]:
            continue  # asked only to distinguish a missing command from a missing pattern
        if any(other == command for other, _ in allowed):
            yield pattern
        else:
            yield f"+{command.lower()}"
            if pattern and not any(other == pattern for _, other in allowed):
                yield pattern


@cache
def _script() -> str:
    return (files("renderq_shared.redis") / "lua" / "check_permissions.lua").read_text("utf-8")
