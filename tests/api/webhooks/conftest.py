from collections.abc import Iterator

import pytest

from renderq_shared.settings import ApiSettings
from tests.api.running import RunningApi
from tests.api.webhooks.receivers import Receiver, receiving
from tests.api.webhooks.telling import TELLING
from tests.services import Valkey


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def shared_api(valkey: Valkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    """What `api` is here: one that tells webhooks."""
    with RunningApi(ApiSettings(**TELLING, data=tmp_path_factory.mktemp("api"), redis_url=valkey.url, port=0)) as api:
        yield api
