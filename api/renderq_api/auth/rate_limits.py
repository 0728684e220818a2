"""How often a key may ask: so many requests a minute by Redis' clock, counted by all API processes together.

Windows are minutes of the clock and not of each key's own, so that one round trip tells the count and our own clock the
end: a sliding window would take a second trip for what the headers say. In return a client may spend two minutes'
worth around the turn of a minute.
"""

import asyncio
from dataclasses import dataclass

from limits import RateLimitItemPerMinute
from limits.aio.storage import RedisStorage
from redis.asyncio import Redis

from renderq_shared.errors import StoreUnavailable
from renderq_shared.redis.errors import translate_errors

WINDOW_S = 60

_PATIENCE_S = 0.8
"""As long as any call of the API may wait for Redis."""


@dataclass(frozen=True, slots=True)
class RateLimitState:
    """What a request leaves of its key's minute."""

    limit: int
    remaining: int
    """Below 0: it was one too many."""
    resets_s: int
    """Until the next minute, rounded up."""

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
    """Counts requests in Redis."""

    def __init__(self, redis: Redis) -> None:
        self._counts = RedisStorage(
            "async+redis://",
            implementation="redispy",
            key_prefix="rq:rate",
            connection_pool=redis.connection_pool,  # pyright: ignore[reportArgumentType]
        )

    async def hit(self, key_id: str, limit: int, now_ms: int) -> RateLimitState:
        """Count one request of a key. Raises `StoreUnavailable`."""
        minute, into_ms = divmod(now_ms, WINDOW_S * 1000)
        name = RateLimitItemPerMinute(limit).key_for(key_id, str(minute))
        try:
            with translate_errors():
                async with asyncio.timeout(_PATIENCE_S):
                    count = await self._counts.incr(name, WINDOW_S)
        except TimeoutError as error:
            raise StoreUnavailable("Redis does not answer: no count within time") from error
        return RateLimitState(limit, limit - count, WINDOW_S - into_ms // 1000)
