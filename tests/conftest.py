"""Fixtures that every test may use."""

from collections.abc import Iterator

import pytest

from tests.s3_servers import MiniStack, Nanio, S3Server
from tests.valkey_server import Valkey


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """A Valkey server for this session."""
    server = Valkey(tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server
    server.close()


@pytest.fixture
def redis_url(valkey: Valkey) -> str:
    """The session's Valkey, empty; restarted if a test left it dead."""
    valkey.empty()
    return valkey.url


@pytest.fixture(scope="session")
def nanio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """An S3 server for this session."""
    server = Nanio(tmp_path_factory.mktemp("nanio"))
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Another S3 server for this session."""
    server = MiniStack(tmp_path_factory.mktemp("ministack"))
    server.start()
    yield server
    server.kill()
