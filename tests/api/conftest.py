from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.objects import FolderStore
from renderq_shared.redis.clients import sync_client
from renderq_shared.settings import ApiSettings
from tests.api.running_api import RunningApi
from tests.api.worker import Worker
from tests.shared.history.sqlite_file import empty_history
from tests.valkey_server import Valkey

SettingsFor = Callable[..., ApiSettings]


@pytest.fixture
def settings_for(redis_url: str, tmp_path: Path) -> SettingsFor:
    """Return settings for an API of a single test; options override them."""
    return lambda **options: ApiSettings(**{"data": tmp_path, "redis_url": redis_url, "port": 0, **options})


@pytest.fixture(scope="module")
def shared_api(valkey: Valkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    # A key of an earlier module makes keys required for ever; a killed API of one is registered for a while.
    valkey.empty()
    settings = ApiSettings(data=tmp_path_factory.mktemp("api"), redis_url=valkey.url, port=0, sweep_seconds=0.2)
    with RunningApi(settings) as api:
        yield api


@pytest.fixture
def api(shared_api: RunningApi, redis_url: str) -> RunningApi:
    """The module's API on an empty Redis and an empty history."""
    empty_history(shared_api.settings.data)
    return shared_api


@pytest.fixture
def http(api: RunningApi) -> Iterator[httpx2.Client]:
    with api.client() as client:
        yield client


@pytest.fixture
def store(redis_url: str) -> Iterator[RedisJobStore]:
    with sync_client(redis_url) as client:
        yield RedisJobStore(client)


@pytest.fixture
def worker(api: RunningApi, store: RedisJobStore) -> Worker:
    """A registered worker for the built-in model."""
    worker = Worker(store, FolderStore(api.settings.store_folder))
    worker.register()
    return worker
