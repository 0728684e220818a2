"""Fixtures that every test may use."""

import signal
import sys
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

from tests.postgres_server import Postgres
from tests.s3_servers import MiniStack, Nanio, S3Server
from tests.valkey_server import Valkey

_LONG_FOLDERS = {"system", "faults", "page", "engine"}


def pytest_configure() -> None:
    _handle_signals()
    settings.register_profile("renderq", deadline=None)  # examples take longer on a busy machine
    settings.load_profile("renderq")
    _log_plain_tracebacks()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the folders of the longest files, so that no process is left alone with one at the end."""
    items.sort(key=lambda item: not _LONG_FOLDERS.intersection(item.path.parts))


def _handle_signals() -> None:
    """Handle signals as in a terminal: `nohup` and background jobs ignore some, and programs inherit that."""
    for number in (signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _log_plain_tracebacks() -> None:
    """Log as renderq does. The default renders all variables of all frames, and takes seconds.

    Records go to file descriptor 1: `capsys` has only what a test's own command prints, and nothing of the servers
    that run in this process.
    """
    *processors, _ = structlog.get_config()["processors"]
    renderer = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*processors, renderer], logger_factory=structlog.PrintLoggerFactory(sys.__stdout__))


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


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server for this session."""
    server = Postgres()
    server.start()
    yield server
    server.close()


@pytest.fixture
def postgres_url(postgres: Postgres) -> str:
    """The session's PostgreSQL, empty; restarted if a test left it dead."""
    postgres.empty()
    return postgres.url
