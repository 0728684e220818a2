"""Admins drain workers; users may not."""

import httpx2
import pytest

from renderq import Client, NotFound
from renderq.cli import main
from renderq_shared.access import KeyStore, Role
from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.objects import FolderStore
from tests.api.auth.conftest import ClientOf, make_key
from tests.api.problems import problem
from tests.api.running_api import RunningApi
from tests.api.worker import Worker

PATH = "/v1/workers/worker-1/drain"


@pytest.fixture
def worker(keyed_api: RunningApi, store: RedisJobStore) -> Worker:
    worker = Worker(store, FolderStore(keyed_api.settings.store_folder))
    worker.register()
    return worker


@pytest.mark.usefixtures("worker")
def test_users_may_not(client_of: ClientOf) -> None:
    problem(client_of("ada").post(PATH), "forbidden")
    admin = client_of("root", role=Role.ADMIN)
    assert not is_draining(admin)
    assert admin.post(PATH).status_code == 200


def test_a_drained_worker_claims_nothing_more(client_of: ClientOf, worker: Worker) -> None:
    admin, ada = client_of("root", role=Role.ADMIN), client_of("ada")
    first = ada.post("/v1/jobs", json={"prompt": "x"}).json()
    claimed = worker.claim()
    drained = admin.post(PATH)
    assert drained.json()["draining"] is True
    assert admin.post(PATH).json() == drained.json()
    second = ada.post("/v1/jobs", json={"prompt": "x"}).json()
    worker.register()
    assert is_draining(admin)
    assert worker.claim_or_none() is None
    assert second["wait_reason"] == "no_worker_for_model"
    worker.finish(claimed)
    assert ada.get(f"/v1/jobs/{first['id']}").json()["status"] == "succeeded"


@pytest.mark.usefixtures("worker")
def test_what_there_is_not_is_not_drained(client_of: ClientOf) -> None:
    admin = client_of("root", role=Role.ADMIN)
    detail = problem(admin.post("/v1/workers/worker-2/drain"), "not_found")["detail"]
    assert detail == "Worker not found. Live workers: worker-1."
    assert not is_draining(admin)


@pytest.mark.usefixtures("worker")
def test_a_body_with_fields_is_refused(client_of: ClientOf) -> None:
    admin = client_of("root", role=Role.ADMIN)
    problem(admin.post(PATH, json={"seconds": 5}), "invalid_request")
    assert not is_draining(admin)


@pytest.mark.usefixtures("worker")
def test_from_the_client_and_the_command_line(
    keyed_api: RunningApi, keys: KeyStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    admin = make_key(keys, "a", role=Role.ADMIN)
    with Client(keyed_api.url, admin) as client:
        with pytest.raises(NotFound, match="Worker not found"):
            client.workers.drain("worker-2")
        assert client.workers.drain("worker-1").draining
    monkeypatch.setenv("RENDERQ_URL", keyed_api.url)
    monkeypatch.setenv("RENDERQ_API_KEY", admin)
    for arguments in (["workers", "drain", "worker-1"], ["workers"]):
        assert main(arguments) == 0
        [row] = [line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("worker-1")]
        assert row[-1] == "draining"
    assert main(["workers", "drain"]) == 2


def is_draining(admin: httpx2.Client) -> bool:
    [worker] = admin.get("/v1/workers").json()["data"]
    return worker["draining"]
