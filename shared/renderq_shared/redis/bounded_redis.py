"""A client for event loops: a quick "away" instead of a long wait, and a bounded number of connections."""

import asyncio
from typing import Any, Self, cast

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import TimeoutError as RedisTimeout

from renderq_shared.redis.sentinel import PrimaryPool
from renderq_shared.redis.sentinel_url import parse_sentinel_url

_CONNECTIONS = 64
"""Redis works on one command at a time; more connections only move the queue."""

REPLY_TIMEOUT_S = 0.8
"""From asking for a connection to the reply, so that an HTTP answer comes within a second."""

DURABLE_TIMEOUT_S = 2.5
"""The same where the reply waits for a disk: a server with `appendfsync everysec` syncs a second apart."""

_SOCKET_TIMEOUT_SHARE = 5 / 8
"""Share of the patience after which a connection that says nothing is given up."""

_WAITAOF_TIMEOUT_SHARE = 1 / 2
"""Share of the patience that the server has for its disk."""


class BoundedRedis(Redis):
    """Never repeats a command by itself, and answers or fails in time."""

    _timeout_s: float

    @classmethod
    def for_url(cls, url: str, timeout_s: float, **options: Any) -> Self:
        """`url` as redis-py takes it, or of Sentinels; `options` go to each connection."""
        options = {
            "max_connections": _CONNECTIONS,
            "timeout": timeout_s,
            "decode_responses": True,
            "socket_timeout": _SOCKET_TIMEOUT_SHARE * timeout_s,
            "socket_connect_timeout": _SOCKET_TIMEOUT_SHARE * timeout_s,
            "retry": Retry(NoBackoff(), 0),
            **options,
        }
        sentinels = parse_sentinel_url(url)
        pool = PrimaryPool.of(sentinels, **options) if sentinels else BlockingConnectionPool.from_url(url, **options)
        client = cast(Self, cls.from_pool(pool))
        client._timeout_s = timeout_s
        return client

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await super().execute_command(*args, **options)
        except TimeoutError as error:
            raise RedisTimeout(f"no reply within {self._timeout_s} s") from error

    async def execute_durable(self, *command: Any) -> Any:
        """The reply, once what the command wrote is on the server's disk: both in one round trip.

        Raises `RedisTimeout` if that takes too long; the command has then been executed all the same.
        """
        pipeline = cast(Any, self.pipeline(transaction=False))
        pipeline.execute_command(*command)
        pipeline.execute_command("WAITAOF", 1, 0, round(_WAITAOF_TIMEOUT_SHARE * self._timeout_s * 1000))
        try:
            async with asyncio.timeout(self._timeout_s):
                reply, (on_own_disk, _on_replicas) = await pipeline.execute()
        except TimeoutError as error:
            raise RedisTimeout(f"no reply within {self._timeout_s} s") from error
        if not on_own_disk:
            raise RedisTimeout("its disk takes too long; appendfsync always would not let it fall behind")
        return reply
