"""Job store in Redis: one Lua script per command."""

from renderq_shared.jobs.redis.notifications import CancelSubscriber, Change, KeysChanged, Reconnected, subscribe
from renderq_shared.jobs.redis.store import AsyncRedisJobStore, RedisJobStore

__all__ = [
    "AsyncRedisJobStore",
    "CancelSubscriber",
    "Change",
    "KeysChanged",
    "Reconnected",
    "RedisJobStore",
    "subscribe",
]
