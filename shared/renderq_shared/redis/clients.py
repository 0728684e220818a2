"""Clients of Redis or Valkey, and the check that a server is suitable."""

from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.backoff import ExponentialBackoff
from redis.exceptions import ResponseError
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

_WITHOUT_SYNC = (
    "RENDERQ_DURABILITY=fsync requires the server's append-only file on its disk: set appendonly to yes, "
    "and appendfsync to always"
)

_NO_NOTIFICATIONS = MaintNotificationsConfig(enabled=False)
"""Disabled: with maintenance notifications, redis-py does not detect a closed pooled connection before use, so after a
restart of the server each pooled connection would fail one call."""


def sync_client(url: str) -> Redis:
    """Return a blocking client for workers. Calls survive a server restart; without a network they fail in a minute."""
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
    """Return a client for the API: no retries and less than a second per command, to report outages fast."""
    return BoundedRedis.for_url(
        redis_py_url(url), timeout_s, maint_notifications_config=_NO_NOTIFICATIONS, **_keepalive(url)
    )


def celery_url(url: str) -> str:
    """Return the URL in Celery's format. kombu verifies certificates only on request, and lists Sentinels."""
    if (address := parse_sentinel_url(url)) is not None:
        return address.celery_url
    parts = urlsplit(url)
    if parts.scheme != "rediss" or "ssl_cert_reqs" in dict(parse_qsl(parts.query)):
        return url
    query = "&".join(filter(None, (parts.query, "ssl_cert_reqs=required")))
    return urlunsplit(parts._replace(query=query))


def check_server(client: Redis) -> tuple[str, ...]:
    """Check that the server is suitable. Returns warnings for the operator.

    Raises `StoreUnsuitable` for an old server, a cluster, or a database that it does not have, `StoreUnavailable`
    without a response.
    """
    with translate_errors():
        return validate_server(cast(Any, client).info())


async def check_server_async(client: AsyncRedis, *, durable: bool = False) -> tuple[str, ...]:
    """Like `check_server`, for event loops. `durable`: whether submissions wait for the disk."""
    with translate_errors():
        warnings = validate_server(await cast(Any, client).info(), durable=durable)
    if durable:
        await check_sync_policy(client)
    return warnings


async def check_sync_policy(client: AsyncRedis) -> None:
    """Check that the server syncs its append-only file, if its user may know that.

    Raises `StoreUnsuitable` and `StoreUnavailable`.
    """
    with translate_errors():
        try:
            policy = await cast(Any, client).config_get("appendfsync")
        except ResponseError:
            return
    if policy.get("appendfsync") == "no":
        raise StoreUnsuitable(_WITHOUT_SYNC)


def validate_server(info: Mapping[str, Any], *, durable: bool = False) -> tuple[str, ...]:
    """Check the reply of `INFO`; see `check_server`."""
    valkey = info.get("valkey_version")
    name, version, minimum = ("Valkey", valkey, VALKEY_MIN) if valkey else ("Redis", info["redis_version"], REDIS_MIN)
    if tuple(int(part) for part in str(version).split(".")[:2]) < minimum:
        raise StoreUnsuitable(
            f"{name} {version} is too old: "
            f"renderq needs Redis {_format_version(REDIS_MIN)} or Valkey {_format_version(VALKEY_MIN)}"
        )
    if info.get("cluster_enabled"):
        raise StoreUnsuitable(
            "this server is part of a cluster, where one script cannot change keys of several nodes: "
            "point RENDERQ_REDIS_URL at a single primary, optionally with replicas and Sentinel"
        )
    if durable and not info.get("aof_enabled"):
        raise StoreUnsuitable(_WITHOUT_SYNC)
    warnings: list[str] = []
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        warnings.append(f"maxmemory-policy is {policy}: a full server may evict jobs; set it to noeviction")
    if not info.get("aof_enabled"):
        warnings.append("the append-only file is off: a restart loses jobs; set appendonly to yes")
    return tuple(warnings)


def _keepalive(url: str) -> dict[str, bool]:
    """Return the TCP keepalive option; Unix sockets have none."""
    return {} if urlsplit(url).scheme == "redis+socket" else {"socket_keepalive": True}


def _format_version(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
