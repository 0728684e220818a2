"""A client for event loops: a quick "away" instead of a long wait, and a bounded number of connections."""

import asyncio
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import TimeoutError as RedisTimeout

_CONNECTIONS = 64
"""Redis works on one command at a time; more connections only move the queue."""

_PATIENCE_S = 0.8
"""From asking for a connection to the reply, so that an HTTP answer comes within a second."""

_SILENCE_S = 0.5
"""A connection that says nothing for this long is given up."""


class PromptRedis(Redis):
    """Never repeats a command by itself, and answers or fails in time."""

    @classmethod
    def at(cls, url: str, **options: Any) -> Redis:
        """`url` as redis-py takes it; `options` go to each connection."""
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=_CONNECTIONS,
            timeout=_PATIENCE_S,
            decode_responses=True,
            socket_timeout=_SILENCE_S,
            socket_connect_timeout=_SILENCE_S,
            retry=Retry(NoBackoff(), 0),
            **options,
        )
        return cls.from_pool(pool)

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                return await super().execute_command(*args, **options)
        except TimeoutError as error:
            raise RedisTimeout(f"no reply within {_PATIENCE_S} s") from error
