"""Redis job store on the session's Valkey."""

from collections.abc import Iterator

import pytest
import redis

from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.redis.clients import sync_client


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with sync_client(redis_url) as client:
        yield client


@pytest.fixture
def store(client: redis.Redis) -> RedisJobStore:
    return RedisJobStore(client)
