"""Job store in Redis: one Lua script per command."""

from renderq_shared.jobs.redis.notifications import (
    Change,
    Deletion,
    KeysChanged,
    Reconnected,
    WorkerSubscriber,
    subscribe,
)
from renderq_shared.jobs.redis.store import AsyncRedisJobStore, RedisJobStore

__all__ = [
    "AsyncRedisJobStore",
    "Change",
    "Deletion",
    "KeysChanged",
    "Reconnected",
    "RedisJobStore",
    "WorkerSubscriber",
    "subscribe",
]
