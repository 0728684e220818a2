"""Redis client for event loops with bounded time per command and a bounded number of connections."""

from typing import Any, Self, cast

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeout

from renderq_shared.redis.loop_timeout import loop_timeout
from renderq_shared.redis.sentinel import PrimaryPool
from renderq_shared.redis.sentinel_url import parse_sentinel_url

_CONNECTIONS = 64
"""Maximum connections. Redis executes one command at a time, so more would only move the queue."""

REPLY_TIMEOUT_S = 0.6
"""Seconds for a command: a free connection, which may have to be made, and the reply. So an HTTP response that needs
one takes less than a second."""

DURABLE_TIMEOUT_S = 2.5
"""The same for replies that wait for the disk. With `appendfsync everysec` the server syncs once per second."""

_SOCKET_TIMEOUT_FACTOR = 5
"""A subscription gives up connecting after this many timeouts. Commands end earlier, and drop their connection: this
timeout passes while the loop stands still, too."""

_WAITAOF_TIMEOUT_SHARE = 1 / 2
"""Share of the timeout that the server may wait for its disk."""


class BoundedRedis(Redis):
    """Redis client without retries whose commands finish or fail within a timeout."""

    _timeout_s: float

    @classmethod
    def for_url(cls, url: str, timeout_s: float, **options: Any) -> Self:
        """Create a client of a redis-py or Sentinel URL. `options` apply to each connection."""
        options = {
            "max_connections": _CONNECTIONS,
            "timeout": None,
            "decode_responses": True,
            "socket_timeout": _SOCKET_TIMEOUT_FACTOR * timeout_s,
            "socket_connect_timeout": _SOCKET_TIMEOUT_FACTOR * timeout_s,
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
            async with loop_timeout(self._timeout_s):
                return await super().execute_command(*args, **options)
        except TimeoutError as error:
            raise RedisTimeout(f"no reply within {self._timeout_s} s") from error

    async def execute_durable(self, *command: Any) -> Any:
        """Execute a command and return its reply once the write is on the server's disk. One round trip.

        Raises `RedisTimeout` if that takes too long. The command may have been executed nevertheless.
        """
        pipeline = cast(Any, self.pipeline(transaction=False))
        pipeline.execute_command(*command)
        pipeline.execute_command("WAITAOF", 1, 0, round(_WAITAOF_TIMEOUT_SHARE * self._timeout_s * 1000))
        try:
            async with loop_timeout(self._timeout_s):
                # Raised by the pipeline, an error would be reworded: without its code, with the command's arguments.
                replies = await pipeline.execute(raise_on_error=False)
        except TimeoutError as error:
            raise RedisTimeout(f"no reply within {self._timeout_s} s") from error
        for reply in replies:
            if isinstance(reply, RedisError):
                raise reply
        reply, (on_own_disk, _on_replicas) = replies
        if not on_own_disk:
            raise RedisTimeout("WAITAOF timed out")
        return reply
