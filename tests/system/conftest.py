from collections.abc import Iterator

import pytest

from tests.s3_servers import Nanio, S3Server
from tests.system.raw_state import BUCKET
from tests.system.service import Service
from tests.valkey_server import Valkey


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One running service for all tests of a module."""
    with Service(tmp_path_factory.mktemp("data")) as service:
        yield service


@pytest.fixture(scope="module")
def shipped_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A running service with the model that ships, for all tests of a module."""
    with Service(tmp_path_factory.mktemp("data"), models=None) as service:
        yield service


@pytest.fixture(scope="module")
def own_valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """A server for all tests of a module, never emptied."""
    server = Valkey(tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def own_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A store for all tests of a module, with the bucket."""
    server = Nanio(tmp_path_factory.mktemp("s3"))
    server.start()
    server.client().create_bucket(Bucket=BUCKET)
    yield server
    server.kill()
