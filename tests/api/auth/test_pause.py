"""Admins pause and resume models and tenants; users may not."""

import pytest
import redis

from renderq import Client, Forbidden, NotFound
from renderq.cli import main
from renderq_shared.access import KeyStore, Role
from renderq_shared.jobs import commands
from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.objects import FolderStore
from renderq_shared.redis.wakeup_queues import queue_name
from tests.api.auth.conftest import ClientOf, make_key
from tests.api.problems import problem
from tests.api.running_api import RunningApi
from tests.api.worker import Worker
from tests.polling import wait_until

ADMINS = [("GET", "/v1/workers"), ("GET", "/v1/tenants")] + [
    ("POST", f"/v1/{kind}/{action}") for kind in ("models/shapes", "tenants/ada") for action in ("pause", "resume")
]


@pytest.mark.parametrize(("method", "path"), ADMINS)
def test_users_may_not(client_of: ClientOf, store: RedisJobStore, method: str, path: str) -> None:
    problem(client_of("ada").request(method, path), "forbidden")
    assert not store.call(commands.stats()).paused
    assert not store.call(commands.tenants())
    assert client_of("bob", role=Role.ADMIN).request(method, path).status_code == 200


@pytest.mark.parametrize("path", ["/v1/models/shapes", "/v1/tenants/ada"])
def test_what_is_paused_waits_without_waking_a_worker(
    client_of: ClientOf, keyed_api: RunningApi, store: RedisJobStore, redis_url: str, path: str
) -> None:
    admin, ada = client_of("root", role=Role.ADMIN), client_of("ada")
    worker = Worker(store, FolderStore(keyed_api.settings.store_folder))
    worker.register()
    assert admin.post(f"{path}/pause").json()["paused"] is True
    job = ada.post("/v1/jobs", json={"prompt": "x"}).json()
    assert (job["status"], job["wait_reason"], job["eta_seconds"]) == ("queued", "paused", None)
    with redis.Redis.from_url(redis_url) as client:
        swept = client.hget("rq:swept", "at_ms")
        wait_until(lambda: client.hget("rq:swept", "at_ms") != swept)
        assert client.llen(queue_name("shapes")) == 0
        assert admin.post(f"{path}/resume").json()["paused"] is False
        wait_until(lambda: client.llen(queue_name("shapes")) == 1)
    assert ada.get(f"/v1/jobs/{job['id']}").json()["wait_reason"] == "queued"
    assert worker.claim().id == job["id"]


def test_how_it_stands_is_shown(client_of: ClientOf) -> None:
    admin, ada = client_of("root", role=Role.ADMIN), client_of("ada", weight=2.0)
    ada.post("/v1/jobs", json={"prompt": "x"})
    admin.post("/v1/models/shapes/pause")
    admin.post("/v1/tenants/ada/pause")
    assert ada.get("/v1/models/shapes").json()["paused"] is True
    assert [model["paused"] for model in ada.get("/v1/stats").json()["models"]] == [True]
    tenants = {tenant.pop("name"): tenant for tenant in admin.get("/v1/tenants").json()["data"]}
    assert tenants["ada"] == {"queued_jobs": 1, "weight": 2.0, "paused": True}
    assert tenants["root"] == tenants["default"] == {"queued_jobs": 0, "weight": 1.0, "paused": False}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1/models/sd99/pause", "shapes"),
        ("/v1/tenants/adda/pause", "root"),
        ("/v1/tenants/root/stop", "No resource at"),
    ],
)
def test_what_there_is_not_is_not_paused(client_of: ClientOf, path: str, expected: str) -> None:
    assert expected in problem(client_of("root", role=Role.ADMIN).post(path), "not_found")["detail"]


def test_from_the_client_and_the_command_line(
    keyed_api: RunningApi, keys: KeyStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    admin, user = make_key(keys, "a", role=Role.ADMIN), make_key(keys, "u", tenant="ada")
    with Client(keyed_api.url, admin) as client:
        assert client.models.pause("shapes").paused
        assert not client.models.resume("shapes").paused
        assert client.tenants.pause("ada").paused
        assert [tenant.name for tenant in client.tenants.list() if tenant.paused] == ["ada"]
        assert not client.tenants.resume("ada").paused
        with pytest.raises(NotFound, match="Tenant not found"):
            client.tenants.pause("adda")
    with Client(keyed_api.url, user) as client, pytest.raises(Forbidden, match="role admin"):
        client.models.pause("shapes")
    monkeypatch.setenv("RENDERQ_URL", keyed_api.url)
    monkeypatch.setenv("RENDERQ_API_KEY", admin)
    assert main(["models", "pause", "shapes"]) == 0
    assert "(paused)" in capsys.readouterr().out
    assert main(["tenants", "pause", "ada"]) == 0
    assert ["ada", "0", "1", "paused"] in [line.split() for line in capsys.readouterr().out.splitlines()]
    assert main(["tenants"]) == 0
    assert ["default", "0", "1", "-"] in [line.split() for line in capsys.readouterr().out.splitlines()]
    assert main(["models", "list"]) == 0
    assert main(["models", "pause"]) == main(["models", "list", "shapes"]) == 2
    monkeypatch.setenv("RENDERQ_API_KEY", user)
    assert main(["tenants"]) == 2
    assert "role admin" in capsys.readouterr().err
