"""A server that has something to do for every command."""

from collections.abc import Iterator

import pytest
import redis

from renderq_shared.jobs.redis import RedisJobStore
from tests.shared.jobs.redis.databases import HEALTHY, copy
from tests.shared.jobs.redis.example_calls import fill
from tests.valkey_server import Valkey


@pytest.fixture(scope="module")
def filled(valkey: Valkey) -> Iterator[redis.Redis]:
    """A client whose server has at least one key of every kind, and something to do for every command."""
    valkey.empty()
    with redis.Redis.from_url(valkey.url, decode_responses=True) as client:
        fill(RedisJobStore(client), client)
        copy(client, 0, HEALTHY)
        yield client
