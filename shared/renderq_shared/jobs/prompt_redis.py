"""A client for event loops: a quick "away" instead of a long wait, and a bounded number of connections."""

import asyncio
from typing import Any, Self, cast

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import TimeoutError as RedisTimeout

from renderq_shared.jobs.sentinels import PrimaryPool
from renderq_shared.sentinel_address import sentinel_address

_CONNECTIONS = 64
"""Redis works on one command at a time; more connections only move the queue."""

PATIENCE_S = 0.8
"""From asking for a connection to the reply, so that an HTTP answer comes within a second."""

DISK_PATIENCE_S = 2.5
"""The same where the reply waits for a disk: a server with `appendfsync everysec` syncs a second apart."""

_SILENCE = 5 / 8
"""Share of the patience after which a connection that says nothing is given up."""

_DISK = 1 / 2
"""Share of the patience that the server has for its disk."""


class PromptRedis(Redis):
    """Never repeats a command by itself, and answers or fails in time."""

    _patience_s: float

    @classmethod
    def at(cls, url: str, patience_s: float, **options: Any) -> Self:
        """`url` as redis-py takes it, or of Sentinels; `options` go to each connection."""
        options = {
            "max_connections": _CONNECTIONS,
            "timeout": patience_s,
            "decode_responses": True,
            "socket_timeout": _SILENCE * patience_s,
            "socket_connect_timeout": _SILENCE * patience_s,
            "retry": Retry(NoBackoff(), 0),
            **options,
        }
        sentinels = sentinel_address(url)
        pool = PrimaryPool.of(sentinels, **options) if sentinels else BlockingConnectionPool.from_url(url, **options)
        client = cast(Self, cls.from_pool(pool))
        client._patience_s = patience_s
        return client

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        try:
            async with asyncio.timeout(self._patience_s):
                return await super().execute_command(*args, **options)
        except TimeoutError as error:
            raise RedisTimeout(f"no reply within {self._patience_s} s") from error

    async def execute_on_disk(self, *command: Any) -> Any:
        """The reply, once what the command wrote is on the server's disk: both in one round trip.

        Raises `RedisTimeout` if that takes too long; the command has then been executed all the same.
        """
        pipeline = cast(Any, self.pipeline(transaction=False))
        pipeline.execute_command(*command)
        pipeline.execute_command("WAITAOF", 1, 0, round(_DISK * self._patience_s * 1000))
        try:
            async with asyncio.timeout(self._patience_s):
                reply, (on_own_disk, _on_replicas) = await pipeline.execute()
        except TimeoutError as error:
            raise RedisTimeout(f"no reply within {self._patience_s} s") from error
        if not on_own_disk:
            raise RedisTimeout("its disk takes too long; appendfsync always would not let it fall behind")
        return reply
