from collections.abc import Iterator

import pytest

from tests.system.service import Service


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One running service for all tests of a module."""
    with Service(tmp_path_factory.mktemp("data")) as service:
        yield service
