"""Tenant isolation: objects of another tenant do not exist, on every route, including future ones."""

import json
import re
from typing import Any

import httpx2
import pytest

from renderq_api.routes import ROUTERS
from renderq_shared.access import Role
from renderq_shared.ids import new_batch_id, new_job_id
from renderq_shared.jobs import commands
from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.objects import FolderStore
from tests.api.assets.image_files import image_file
from tests.api.auth.conftest import ClientOf
from tests.api.doors.test_mcp import call_tool
from tests.api.problems import problem
from tests.api.running_api import RunningApi
from tests.api.worker import Worker
from tests.job_store.factories import submit

UNSCOPED = {"name", "action", "key", "index", "id"}
"""Path parameters that do not name a tenant's object: models; tenants and workers (admin); signed files; images."""

BODIES: dict[str, dict[str, object]] = {"PATCH": {"kept": True}, "POST": {}}
"""Method → a body that every route takes, but for those in `BODIES_OF`."""

BODIES_OF: dict[str, dict[str, object]] = {"/v1/jobs/{job_id}/move": {"to": "front"}}
"""Path → a body that this route takes."""

ROUTES = sorted(
    (method, route.path)
    for router in ROUTERS
    for route in router.routes
    for method in route.methods
    if set(re.findall(r"{(\w+)", route.path)) - UNSCOPED
)


@pytest.fixture
def ada(client_of: ClientOf) -> httpx2.Client:
    return client_of("ada")


@pytest.fixture
def owned(ada: httpx2.Client, store: RedisJobStore, keyed_api: RunningApi) -> dict[str, str]:
    """Ada's objects: path parameter → id. A new path parameter needs an entry here."""
    hook = {"url": "https://example.org/"}
    request = json.dumps({"prompt": "x", "metadata": {}, "webhook": hook, "output": {"grid": True}})
    batch = {"batch_id": new_batch_id(), "batch_json": '{"index": 0, "jobs": 1}'}
    job = submit(store, new_job_id(), "ada", request_json=request, webhook_events=("job.succeeded",), **batch)
    worker = Worker(store, FolderStore(keyed_api.settings.store_folder))
    worker.finish(worker.claim(), thumbnails=True)
    [delivery] = store.call(commands.deliveries("ada", job.id, job.images))
    asset = ada.post("/v1/assets", files={"file": image_file()}).json()
    return {"job_id": job.id, "delivery_id": delivery.id, "asset_id": asset["id"], "index": "0", **batch}


def not_found_body(http: httpx2.Client, method: str, path: str, **ids: str) -> dict[str, Any]:
    """Return the 404 response without the fields that differ between any two responses."""
    headers = {"If-None-Match": "*", "Prefer": "wait=1"}
    response = http.request(method, path.format(**ids), headers=headers, json=BODIES_OF.get(path, BODIES.get(method)))
    if method == "HEAD":
        assert response.status_code == 404
        return {"length": response.headers["content-length"]}
    document = problem(response, "not_found")
    return {name: value for name, value in document.items() if name not in {"instance", "request_id"}}


def test_anothers_ids_in_a_body_do_not_exist(client_of: ClientOf, owned: dict[str, str], store: RedisJobStore) -> None:
    bob = client_of("bob", role=Role.ADMIN)
    before = store.call(commands.get_job("ada", owned["job_id"]))
    for action in ("cancel", "delete"):
        result = bob.post(f"/v1/jobs/{action}", json={"ids": [owned["job_id"]]}).json()
        assert [(each["id"], each["code"]) for each in result["refusals"]] == [(owned["job_id"], "not_found")]
    assert bob.post("/v1/jobs/cancel", json={"status": "queued"}).json()["canceled"] == 0
    assert store.call(commands.get_job("ada", owned["job_id"])) == before


def test_anothers_image_is_no_input(client_of: ClientOf, owned: dict[str, str]) -> None:
    body = {"prompt": "x", "task": "img2img", "image": f"{owned['job_id']}/0"}
    problem(client_of("bob", role=Role.ADMIN).post("/v1/jobs", json=body), "asset_not_found")


def test_tools_of_assistants_find_no_job_of_another(client_of: ClientOf, owned: dict[str, str]) -> None:
    bob, job = client_of("bob", role=Role.ADMIN), owned["job_id"]
    for name in ("get_image", "cancel_image"):
        theirs, none = (call_tool(bob, name, job=each) for each in (job, new_job_id()))
        assert theirs == none
        assert theirs["structuredContent"] == {"error": "not_found"}
    made = call_tool(bob, "generate_image", prompt="x", image=f"{job}/0")
    assert made["structuredContent"] == {"error": "asset_not_found"}


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_what_is_anothers_does_not_exist(
    ada: httpx2.Client, client_of: ClientOf, owned: dict[str, str], store: RedisJobStore, method: str, path: str
) -> None:
    bob = client_of("bob", role=Role.ADMIN)
    assert set(re.findall(r"{(\w+)", path)) <= {*owned, *UNSCOPED}, "add an object of Ada's to `owned`"
    before = store.call(commands.get_job("ada", owned["job_id"]))
    unknown = {**owned, "job_id": new_job_id(), "batch_id": new_batch_id(), "asset_id": f"asset_{'0' * 64}"}
    unknown["delivery_id"] = "msg_0123_succeeded"
    assert not_found_body(bob, method, path, **owned) == not_found_body(bob, method, path, **unknown)
    assert store.call(commands.get_job("ada", owned["job_id"])) == before
    with ada.stream(method, path.format(**owned), json=BODIES_OF.get(path, BODIES.get(method))) as own:
        assert own.status_code not in {401, 404}, "it is hers"


def test_lists_and_idempotency_keys_are_each_tenants_own(client_of: ClientOf) -> None:
    ada, bob, bobs_other = client_of("ada"), client_of("bob"), client_of("bob")
    headers = {"Idempotency-Key": "order-17"}
    made = [http.post("/v1/jobs", json={"prompt": "x"}, headers=headers) for http in (ada, bob, bobs_other)]
    ids = [response.json()["id"] for response in made]
    assert ids[0] != ids[1] == ids[2]
    assert made[2].headers["idempotency-replayed"] == "true"
    assert [job["id"] for job in bob.get("/v1/jobs").json()["data"]] == [ids[1]]
    assert bob.get("/v1/jobs", params={"created_after": "2026-01-01T00:00:00Z"}).json()["data"][0]["id"] == ids[1]


def test_a_door_tells_and_interrupts_the_tenants_own_requests_alone(
    client_of: ClientOf, store: RedisJobStore, keyed_api: RunningApi
) -> None:
    ada, bob = client_of("ada"), client_of("bob")
    job = submit(store, new_job_id(), "ada", door="a1111")
    assert bob.get("/sdapi/v1/progress").json()["state"]["job"] == ""
    assert bob.post("/sdapi/v1/interrupt").status_code == 200
    assert ada.get("/sdapi/v1/progress").json()["state"]["job"] == job.id
    ada.post("/sdapi/v1/options", json={"sd_model_checkpoint": "shapes"})
    chosen = [store.call(commands.chosen_model(tenant)) for tenant in ("ada", "bob")]
    assert chosen == ["shapes", None]
    ada.post("/sdapi/v1/interrupt")
    found = store.call(commands.get_job("ada", job.id))
    assert found is not None
    assert found[0].status == "canceled"
