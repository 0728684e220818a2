"""Contract tests of the job store, run against every implementation and, on Redis, every kind of repetition."""

from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest

from renderq_shared.jobs import JobStore
from tests.job_store.store_backends import (
    RepeatingStore,
    StoreBackend,
    async_backend,
    lossy_backend,
    memory_backend,
    redis_backend,
)
from tests.valkey_server import Valkey


@pytest.fixture(params=["memory", "redis", "async", "twice", "lossy"])
def backend(request: pytest.FixtureRequest) -> Iterator[StoreBackend]:
    with _enter(request.param, request) as backend:
        yield backend


@pytest.fixture(params=["memory", "redis", "async"])
def reliable_backend(request: pytest.FixtureRequest) -> Iterator[StoreBackend]:
    """Backends without lost replies, for what is reported only once, such as the result of a sweep."""
    with _enter(request.param, request) as backend:
        yield backend


@pytest.fixture
def store(backend: StoreBackend) -> JobStore:
    return backend.store


def _enter(kind: str, request: pytest.FixtureRequest) -> AbstractContextManager[StoreBackend]:
    if kind == "memory":
        return memory_backend()
    url: str = request.getfixturevalue("redis_url")
    valkey: Valkey = request.getfixturevalue("valkey")
    return {
        "redis": lambda: redis_backend(url),
        "async": lambda: async_backend(url),
        "twice": lambda: redis_backend(url, lambda client: RepeatingStore(client)),
        "lossy": lambda: lossy_backend(url, valkey.port),
    }[kind]()
