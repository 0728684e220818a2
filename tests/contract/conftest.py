"""The job store's contract runs over every implementation, and over Redis under every kind of repetition."""

from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest

from renderq_shared.jobs import JobStore
from renderq_shared.wakeups import queue_name
from tests.contract.worlds import TwiceStore, World, async_world, lossy_world, memory_world, redis_world
from tests.services import Valkey


@pytest.fixture(params=["memory", "redis", "async", "twice", "lossy"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    with _enter(request.param, request) as world:
        yield world


@pytest.fixture(params=["memory", "redis", "async"])
def faithful_world(request: pytest.FixtureRequest) -> Iterator[World]:
    """Where no reply is lost: what a sweep reports is told once."""
    with _enter(request.param, request) as world:
        yield world


@pytest.fixture
def store(world: World) -> JobStore:
    return world.store


def _enter(kind: str, request: pytest.FixtureRequest) -> AbstractContextManager[World]:
    if kind == "memory":
        return memory_world()
    url: str = request.getfixturevalue("redis_url")
    valkey: Valkey = request.getfixturevalue("valkey")
    return {
        "redis": lambda: redis_world(url),
        "async": lambda: async_world(url),
        "twice": lambda: redis_world(url, lambda client: TwiceStore(client, queue_name)),
        "lossy": lambda: lossy_world(url, valkey.port),
    }[kind]()
