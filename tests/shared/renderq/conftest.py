"""Fake services and their clients, without environment variables."""

import time
from collections.abc import Iterator

import pytest

from renderq import Client
from renderq.testing import FakeService


@pytest.fixture(autouse=True)
def _local_time_is_utc() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


@pytest.fixture(autouse=True)
def _clear_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("RENDERQ_URL", raising=False)
    monkeypatch.delenv("RENDERQ_API_KEY", raising=False)


@pytest.fixture
def server() -> Iterator[FakeService]:
    with FakeService() as server:
        yield server


@pytest.fixture
def store() -> Iterator[FakeService]:
    """A server of another origin."""
    with FakeService() as store:
        yield store


@pytest.fixture
def client(server: FakeService) -> Iterator[Client]:
    with Client(server.url, "rq_secret") as client:
        yield client
