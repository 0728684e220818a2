"""Fixtures that every test may use."""

from collections.abc import Iterator

import pytest
import redis

from tests.services import Valkey


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """A Valkey server for this session."""
    server = Valkey(tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server
    server.close()


@pytest.fixture
def redis_url(valkey: Valkey) -> str:
    """The session's Valkey, empty; started again if a test left it dead."""
    _ensure_running(valkey)
    with redis.Redis.from_url(valkey.url) as client:
        client.execute_command("FLUSHALL", "SYNC")  # so that memory is free when the test begins
    return valkey.url


def _ensure_running(valkey: Valkey) -> None:
    try:
        with redis.Redis.from_url(valkey.url) as client:
            client.ping()
    except redis.exceptions.ConnectionError:
        valkey.restart()
