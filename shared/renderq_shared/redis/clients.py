"""Clients of Redis or Valkey, and whether a server can be used."""

from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.backoff import ExponentialBackoff
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

from renderq_shared.errors import StoreUnsuitable
from renderq_shared.redis.bounded_redis import REPLY_TIMEOUT_S, BoundedRedis
from renderq_shared.redis.errors import translate_errors
from renderq_shared.redis.sentinel import primary_client
from renderq_shared.redis.sentinel_url import parse_sentinel_url
from renderq_shared.redis.url import redis_py_url

REDIS_MIN = (7, 2)
VALKEY_MIN = (8, 0)

_NO_NOTIFICATIONS = MaintNotificationsConfig(enabled=False)
"""With them on, redis-py does not see before use that a server closed a pooled connection: after a restart each of
them would fail one call."""


def sync_client(url: str) -> Redis:
    """For workers: patient. A call survives a restart of the server; one that is cut off fails it after a minute."""
    options: dict[str, Any] = {
        "decode_responses": True,
        "socket_timeout": 5.0,
        "socket_connect_timeout": 3.0,
        "retry": Retry(ExponentialBackoff(cap=1.0, base=0.05), retries=3),
        "maint_notifications_config": _NO_NOTIFICATIONS,
        **_keepalive(url),
    }
    if (address := parse_sentinel_url(url)) is not None:
        return primary_client(address, **options)
    return Redis.from_url(redis_py_url(url), **options)


def async_client(url: str, timeout_s: float = REPLY_TIMEOUT_S) -> BoundedRedis:
    """For the API: no retries and less than a second, so that "Redis is away" is an answer and not a wait."""
    return BoundedRedis.for_url(
        redis_py_url(url), timeout_s, maint_notifications_config=_NO_NOTIFICATIONS, **_keepalive(url)
    )


def celery_url(url: str) -> str:
    """What Celery takes: the same, but kombu checks no certificate unless the URL says so, and names each Sentinel."""
    if (address := parse_sentinel_url(url)) is not None:
        return address.celery_url
    parts = urlsplit(url)
    if parts.scheme != "rediss" or "ssl_cert_reqs" in dict(parse_qsl(parts.query)):
        return url
    query = "&".join(filter(None, (parts.query, "ssl_cert_reqs=required")))
    return urlunsplit(parts._replace(query=query))


def check_server(client: Redis) -> tuple[str, ...]:
    """Make sure that the server can be used; the warnings are for the operator.

    Raises `StoreUnsuitable` for a server that is too old or a cluster, `StoreUnavailable` for none.
    """
    with translate_errors():
        return validate_server(cast(Any, client).info())


async def check_server_async(client: AsyncRedis, *, durable: bool = False) -> tuple[str, ...]:
    """`check_server` for an event loop. `durable`: whether it will be asked to wait for its disk."""
    with translate_errors():
        return validate_server(await cast(Any, client).info(), durable=durable)


def validate_server(info: Mapping[str, Any], *, durable: bool = False) -> tuple[str, ...]:
    """What `INFO` says about a server's fitness; see `check_server`."""
    valkey = info.get("valkey_version")
    name, version, least = ("Valkey", valkey, VALKEY_MIN) if valkey else ("Redis", info["redis_version"], REDIS_MIN)
    if tuple(int(part) for part in str(version).split(".")[:2]) < least:
        raise StoreUnsuitable(
            f"{name} {version} is too old: renderq needs Redis {_dotted(REDIS_MIN)} or Valkey {_dotted(VALKEY_MIN)}"
        )
    if info.get("cluster_enabled"):
        raise StoreUnsuitable(
            "this server is part of a cluster, where one call cannot change several keys at once: "
            "point RENDERQ_REDIS_URL at a single primary (with replicas and Sentinel if you like)"
        )
    if durable and not info.get("aof_enabled"):
        raise StoreUnsuitable(
            "RENDERQ_DURABILITY=fsync needs the server's append-only file: set appendonly to yes, "
            "and appendfsync to always"
        )
    warnings: list[str] = []
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        warnings.append(f"maxmemory-policy is {policy}: a full server may drop jobs; set it to noeviction")
    if not info.get("aof_enabled"):
        warnings.append("the append-only file is off: a restart forgets jobs; set appendonly to yes")
    return tuple(warnings)


def _keepalive(url: str) -> dict[str, bool]:
    """A unix socket has no peer that could vanish, and its connection knows no such option."""
    return {} if urlsplit(url).scheme == "redis+socket" else {"socket_keepalive": True}


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
