"""Connections to whichever server is the primary, as Sentinels tell."""

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
"""A Sentinel that is silent for longer is passed over for the next one; nobody is asked twice in a row."""


def primary_client(address: SentinelUrl, **options: Any) -> Redis:
    """For callers that block; `options` go to each connection."""
    sentinels = Sentinel(address.hosts, sentinel_kwargs={**_TIMEOUTS, "retry": Retry(NoBackoff(), 0)})
    return sentinels.master_for(address.service, **address.credentials, **options)


class PrimaryPool(AsyncSentinelConnectionPool, BlockingConnectionPool):
    """For event loops: a bounded pool."""

    @classmethod
    def of(cls, address: SentinelUrl, **options: Any) -> "PrimaryPool":
        """`options` are those of the pool and of each connection."""
        sentinels = AsyncSentinel(address.hosts, sentinel_kwargs={**_TIMEOUTS, "retry": AsyncRetry(NoBackoff(), 0)})
        return cls(address.service, sentinels, **address.credentials, **options)

    async def aclose(self) -> None:
        """Also the connections to the Sentinels."""
        await super().aclose()
        for sentinel in self.sentinel_manager.sentinels:
            await sentinel.aclose()
