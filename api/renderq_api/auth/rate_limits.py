"""Rate limits per key: requests per minute by Redis' clock, shared by all API processes.

Fixed windows, aligned to clock minutes: one round trip returns the count, and our own clock gives the reset time for
the headers. A sliding window would need a second round trip. In return, a client may use two minutes' budget around
the end of a window.
"""

import asyncio
from dataclasses import dataclass

from limits import RateLimitItemPerMinute
from limits.aio.storage import RedisStorage
from redis.asyncio import Redis

from renderq_shared.errors import StoreUnavailable
from renderq_shared.redis.errors import translate_errors

WINDOW_S = 60

_KEY_PREFIX = "rq:rate"

_TIMEOUT_S = 0.8
"""Timeout of the API's Redis calls."""


@dataclass(frozen=True, slots=True)
class RateLimitState:
    """State of a key's window after a request."""

    limit: int
    remaining: int
    """Negative if the request exceeded the limit."""
    resets_s: int
    """Seconds until the next window, rounded up."""

    @property
    def is_exceeded(self) -> bool:
        return self.remaining < 0

    @property
    def headers(self) -> dict[str, str]:
        """https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/"""
        return {
            "RateLimit-Policy": f'"requests";q={self.limit};w={WINDOW_S}',
            "RateLimit": f'"requests";r={max(0, self.remaining)};t={self.resets_s}',
        }


class RateLimits:
    """Request counters in Redis."""

    def __init__(self, redis: Redis) -> None:
        self._counts = RedisStorage(
            "async+redis://",
            implementation="redispy",
            key_prefix=_KEY_PREFIX,
            connection_pool=redis.connection_pool,  # pyright: ignore[reportArgumentType]
        )

    async def hit(self, key_id: str, limit: int, now_ms: int) -> RateLimitState:
        """Count one request of a key. Raises `StoreUnavailable`."""
        minute, into_ms = divmod(now_ms, WINDOW_S * 1000)
        name = RateLimitItemPerMinute(limit).key_for(key_id, str(minute))
        try:
            with translate_errors(_KEY_PREFIX):
                async with asyncio.timeout(_TIMEOUT_S):
                    count = await self._counts.incr(name, WINDOW_S)
        except TimeoutError as error:
            raise StoreUnavailable("Redis does not respond: rate limit timed out") from error
        return RateLimitState(limit, limit - count, WINDOW_S - into_ms // 1000)
