"""`DELETE /v1/tenants/{name}/data` leaves no trace of a tenant in Redis, SQL and store, whatever dies meanwhile."""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest
import redis

from renderq.contract import Status
from renderq_api.assets import tenant_prefix
from renderq_shared.access import KeyStore, Role
from renderq_shared.history import open_history
from renderq_shared.jobs import JobRecord, commands
from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.objects import FolderStore
from renderq_shared.redis.clients import sync_client
from renderq_shared.settings import ApiSettings
from tests.api.assets.image_files import image_file
from tests.api.auth.conftest import make_key
from tests.api.conftest import SettingsFor
from tests.api.problems import problem
from tests.api.running_api import RunningApi
from tests.api.webhooks.receivers import unresponsive_port, webhook_receiver
from tests.api.webhooks.webhook_jobs import WEBHOOK_SETTINGS
from tests.api.worker import Worker, claim_ref
from tests.job_store.factories import SUCCEEDED
from tests.polling import wait_until
from tests.postgres_server import Postgres
from tests.stored_traces import database_contents, file_contents, redis_contents

ADA, BOB = "quokka-labs", "wombat-works"
SETTINGS: dict[str, Any] = {**WEBHOOK_SETTINGS, "keys": "required", "sweep_seconds": 0.1, "recent_seconds": 0}


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with sync_client(redis_url) as client:
        yield client


@pytest.fixture
def keyed(client: redis.Redis) -> Callable[..., dict[str, str]]:
    """Return a factory: tenant → header with a new key."""
    keys = KeyStore(client)
    return lambda tenant, **fields: {"Authorization": f"Bearer {make_key(keys, 'key', tenant=tenant, **fields)}"}


class Tenant:
    """A tenant that has something of every kind."""

    def __init__(self, name: str, http: httpx2.Client, worker: Worker, client: redis.Redis) -> None:
        self.name, self._http, self._worker, self._client = name, http, worker, client
        self.prompt = f"{name} prompt"
        self.job_ids: list[str] = []

    def submit(self, key: str, **fields: object) -> str:
        body = {"prompt": self.prompt, "negative_prompt": f"no {self.name}", "metadata": {"of": self.name}, **fields}
        response = self._http.post("/v1/jobs", json=body, headers={"Idempotency-Key": key})
        assert response.status_code == 201, response.text
        self.job_ids.append(response.json()["id"])
        return self.job_ids[-1]

    def render(self, key: str, **fields: object) -> str:
        job_id = self.submit(key, **fields)
        self._worker.finish(self._worker.claim())
        return job_id

    def fill(self, answering: str, silent: str) -> None:
        """Make an archived job, jobs whose webhooks were and were not delivered, an upload, a label and usage."""
        asset = self._http.post("/v1/assets", files={"file": image_file()}).json()["id"]
        archived = self.render("archived", task="img2img", image=asset)
        wait_until(lambda: not self._client.exists(f"rq:job:{archived}"), "the release of the job")
        self._http.patch(f"/v1/jobs/{archived}", json={"labels": [f"label {self.name}"]})
        delivered = self.render("delivered", webhook={"url": answering})
        wait_until(lambda: self._http.get(f"/v1/jobs/{delivered}/deliveries").json()["data"][0]["attempts"])
        self.render("pending", webhook={"url": silent}, output={"grid": True})

    def listed(self) -> list[str]:
        return [job["id"] for job in self._http.get("/v1/jobs", params={"limit": 100}).json()["data"]]


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_nothing_of_the_tenant_is_left_and_all_of_the_others(
    settings_for: SettingsFor,
    store: RedisJobStore,
    client: redis.Redis,
    keyed: Callable[..., dict[str, str]],
    request: pytest.FixtureRequest,
    database: str,
) -> None:
    history_url = request.getfixturevalue("postgres_url") if database == "postgresql" else None
    settings = settings_for(**SETTINGS, history_url=history_url)
    with (
        webhook_receiver() as receiver,
        unresponsive_port() as silent,
        RunningApi(settings) as api,
        api.client(headers=keyed(ADA, weight=2.0)) as ada_http,
        api.client(headers=keyed(BOB)) as bob_http,
        api.client(headers=keyed("operators", role=Role.ADMIN)) as admin,
    ):
        worker = Worker(store, FolderStore(settings.store_folder))
        worker.register()
        ada, bob = Tenant(ADA, ada_http, worker, client), Tenant(BOB, bob_http, worker, client)
        for tenant in (ada, bob):
            tenant.fill(receiver.url, f"http://127.0.0.1:{silent}/")
        ada.submit("running")
        running = worker.claim()
        ada.submit("queued")
        assert {"redis", "sql", "store"} <= traces(api, client, ada).keys()
        started = admin.delete(f"/v1/tenants/{ADA}/data")
        assert (started.status_code, started.json()["completed_at"]) == (202, None)
        problem(ada_http.post("/v1/jobs", json={"prompt": "x"}), "purge_in_progress")
        problem(ada_http.post("/v1/assets", files={"file": image_file()}), "purge_in_progress")
        wait_until(lambda: store.call(commands.get_job(ADA, running.id))[0].status is Status.CANCELING)
        worker.cancel(running)
        ended = wait_until(lambda: completed(admin, ADA))
        assert (ended["jobs"], ended["assets"]) == (5, 1)
        assert traces(api, client, ada) == {}
        assert {"redis", "sql", "store"} <= traces(api, client, bob).keys()
        assert (ada.listed(), bob.listed()) == ([], bob.job_ids[::-1])
        assert ada_http.get("/v1/usage").json()["data"] == []
        assert [day["jobs"] for day in bob_http.get("/v1/usage").json()["data"]] == [3]
        assert not store.call(commands.finish(claim_ref(running), SUCCEEDED)).accepted
        asyncio.run(archive_late(settings, running))
        assert traces(api, client, ada) == {}
        assert ada.submit("queued") in ada.listed()  # the keys remain, and the idempotency key is new
        assert [job["id"] for job in bob_http.get("/v1/jobs", params={"q": BOB}).json()["data"]] == bob.job_ids[::-1]


def traces(api: RunningApi, client: redis.Redis, tenant: Tenant) -> dict[str, set[str]]:
    """Return where something of a tenant is left: place → words and ids."""
    sql = asyncio.run(database_contents(api.settings.history_database))
    places = {
        "redis": redis_contents(client),
        "sql": sql,
        "store": file_contents(api.settings.store_folder).decode(errors="replace"),
        "sqlite": file_contents(api.settings.data).decode(errors="replace"),
    }
    searched = {tenant.name, *tenant.name.split("-"), *tenant.job_ids}
    if tenant_prefix(tenant.name) in places["store"]:
        places["store"] += tenant.name  # the prefix of uploads is a digest of the name
    found = {place: {trace for trace in searched if trace in text} for place, text in places.items()}
    return {place: left for place, left in found.items() if left}


def completed(admin: httpx2.Client, tenant: str) -> dict[str, Any] | None:
    """Return the purge of a tenant once it has ended."""
    purge = admin.get(f"/v1/tenants/{tenant}/data").json()
    return purge if purge["completed_at"] else None


async def archive_late(settings: ApiSettings, job: JobRecord) -> None:
    async with open_history(settings.history_database) as history:
        assert (await history.archive([job])).refused == {job.id}


def test_another_process_goes_on_with_the_purge_of_one_that_died(
    settings_for: SettingsFor, store: RedisJobStore, client: redis.Redis
) -> None:
    """Stop an API, do some steps of a purge as a process that dies amid a batch would, and start the API again."""
    settings = settings_for(sweep_seconds=0.1)
    with RunningApi(settings) as api, api.client() as http:
        worker = Worker(store, FolderStore(settings.store_folder))
        worker.register()
        job_ids = [http.post("/v1/jobs", json={"prompt": "x"}).json()["id"] for _ in range(3)]
        for _ in range(2):
            worker.finish(worker.claim())
        wait_until(lambda: client.zcard("rq:archived") == 2)
    purge = store.call(commands.start_purge("default"))
    assert store.call(commands.claim_purge(0)) == purge
    page = store.call(commands.purge_page(purge, 0, 100))
    assert [job.job_id for job in page.ended] == job_ids
    store.call(commands.purge_jobs(purge, page.ended[:1]))
    with RunningApi(settings) as api, api.client() as http:
        assert wait_until(lambda: completed(http, "default"))["jobs"] == 3
        assert http.get("/v1/jobs").json()["data"] == []
        assert not list((settings.store_folder / "jobs").iterdir())


def test_a_purge_waits_for_a_history_that_is_away(
    settings_for: SettingsFor, store: RedisJobStore, client: redis.Redis, postgres: Postgres, postgres_url: str
) -> None:
    with RunningApi(settings_for(**SETTINGS | {"keys": "auto"}, history_url=postgres_url)) as api, api.client() as http:
        job_id = http.post("/v1/jobs", json={"prompt": "x"}).json()["id"]
        http.post(f"/v1/jobs/{job_id}/cancel")
        wait_until(lambda: not client.exists(f"rq:job:{job_id}"))
        postgres.kill()
        assert http.delete("/v1/tenants/default/data").status_code == 202
        wait_until(lambda: client.zscore("rq:purges", "default") > client.time()[0] * 1000 + 500)
        assert completed(http, "default") is None
        postgres.start()
        assert wait_until(lambda: completed(http, "default"))["jobs"] == 1
        problem(http.get(f"/v1/jobs/{job_id}"), "not_found")


def test_repeating_it_is_harmless_and_an_unknown_tenant_has_nothing(http: httpx2.Client) -> None:
    first = http.delete("/v1/tenants/nobody/data").json()
    assert (first["tenant"], first["jobs"], first["assets"]) == ("nobody", 0, 0)
    wait_until(lambda: completed(http, "nobody"))
    assert http.delete("/v1/tenants/nobody/data").status_code == 202
    problem(http.get("/v1/tenants/somebody/data"), "not_found")
    problem(http.delete("/v1/tenants/no%20body/data"), "not_found")
    problem(http.delete("/v1/tenants/nobody/data?x=1"), "invalid_request")


def test_a_stream_of_a_purged_job_ends_with_its_cancellation(http: httpx2.Client) -> None:
    job_id = http.post("/v1/jobs", json={"prompt": "x"}).json()["id"]
    with http.stream("GET", f"/v1/jobs/{job_id}/events") as events:
        http.delete("/v1/tenants/default/data")
        lines = list(events.iter_lines())
    names = [line.removeprefix("event: ") for line in lines if line.startswith("event:")]
    last = [line.removeprefix("data:") for line in lines if line.startswith("data:")][-1]
    assert (names[-1], json.loads(last)["status"]) == ("done", "canceled")
