"""Connections to the current primary, found through Sentinels."""

from typing import Any

from redis import Redis
from redis.asyncio import BlockingConnectionPool
from redis.asyncio.retry import Retry as AsyncRetry
from redis.asyncio.sentinel import Sentinel as AsyncSentinel
from redis.asyncio.sentinel import SentinelConnectionPool as AsyncSentinelConnectionPool
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

from renderq_shared.redis.sentinel_url import SentinelUrl

_TIMEOUTS = {"socket_timeout": 0.3, "socket_connect_timeout": 0.3}
"""A Sentinel that does not respond within this time is skipped for the next one, without a retry."""


def primary_client(address: SentinelUrl, **options: Any) -> Redis:
    """Return a blocking client of the primary. `options` apply to each connection."""
    sentinels = Sentinel(address.hosts, sentinel_kwargs={**_TIMEOUTS, "retry": Retry(NoBackoff(), 0)})
    return sentinels.master_for(address.service, **address.credentials, **options)


class PrimaryPool(AsyncSentinelConnectionPool, BlockingConnectionPool):
    """Bounded connection pool to the primary, for event loops."""

    @classmethod
    def of(cls, address: SentinelUrl, **options: Any) -> "PrimaryPool":
        """Create a pool. `options` apply to the pool and to each connection."""
        sentinels = AsyncSentinel(address.hosts, sentinel_kwargs={**_TIMEOUTS, "retry": AsyncRetry(NoBackoff(), 0)})
        return cls(address.service, sentinels, **address.credentials, **options)

    async def aclose(self) -> None:
        """Close all connections, including those to the Sentinels."""
        await super().aclose()
        for sentinel in self.sentinel_manager.sentinels:
            await sentinel.aclose()
