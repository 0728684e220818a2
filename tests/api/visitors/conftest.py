"""An open demo, its visitors and its worker."""

from collections.abc import Callable, Iterator

import httpx2
import pytest

from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.objects import FolderStore
from renderq_shared.redis.clients import sync_client
from renderq_shared.settings import ApiSettings
from tests.api.running_api import RunningApi
from tests.api.visitors.requests import ask
from tests.api.worker import Worker
from tests.valkey_server import Valkey

Visit = Callable[..., httpx2.Client]


@pytest.fixture(scope="module")
def shared_demo(valkey: Valkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    valkey.empty()
    folder = tmp_path_factory.mktemp("demo")
    (folder / "words").write_text("# not here\nunicorn\nrubber  duck\n", encoding="utf-8")
    settings = ApiSettings(
        data=folder,
        redis_url=valkey.url,
        port=0,
        keys="required",
        visitors="on",
        visitors_jobs_per_address=4,
        visitors_open_jobs=3,
        visitors_max=5,
        visitors_requests_per_minute=10_000,
        visitors_refuse=folder / "words",
        sweep_seconds=0.2,
    )
    with RunningApi(settings) as api:
        yield api


@pytest.fixture
def demo(shared_demo: RunningApi, redis_url: str) -> RunningApi:
    """The module's open demo, on an empty Redis."""
    return shared_demo


@pytest.fixture
def visit(demo: RunningApi) -> Iterator[Visit]:
    """Return a function that becomes a visitor: address → client with its key."""
    clients: list[httpx2.Client] = []

    def become_visitor(address: str = "192.0.2.1") -> httpx2.Client:
        response = ask(demo, address)
        assert response.status_code == 201, response.text
        clients.append(demo.client(headers={"Authorization": f"Bearer {response.json()['key']}"}))
        return clients[-1]

    yield become_visitor
    for each in clients:
        each.close()


@pytest.fixture
def worker(demo: RunningApi, redis_url: str) -> Iterator[Worker]:
    with sync_client(redis_url) as client:
        worker = Worker(RedisJobStore(client), FolderStore(demo.settings.store_folder))
        worker.register()
        yield worker
