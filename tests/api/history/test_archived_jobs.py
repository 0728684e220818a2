"""Every route serves a job that only the history has as it served it before."""

import json
from collections.abc import Iterator

import httpx2
import pytest
import redis

from renderq_shared.redis.clients import sync_client
from renderq_shared.settings import ApiSettings
from tests.api.problems import problem
from tests.api.running_api import RunningApi
from tests.api.worker import IMAGE_BYTES, Worker
from tests.polling import files_in, wait_until
from tests.shared.history.sqlite_file import empty_history
from tests.valkey_server import Valkey


@pytest.fixture(scope="module")
def forgetful_api(valkey: Valkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    """An API whose Redis releases jobs as soon as the history has them."""
    valkey.empty()
    data = tmp_path_factory.mktemp("api")
    with RunningApi(ApiSettings(data=data, redis_url=valkey.url, port=0, sweep_seconds=0.1, recent_seconds=0)) as api:
        yield api


@pytest.fixture
def api(forgetful_api: RunningApi, redis_url: str) -> RunningApi:
    empty_history(forgetful_api.settings.data)
    return forgetful_api


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with sync_client(redis_url) as client:
        yield client


def release(client: redis.Redis, job_id: str) -> None:
    wait_until(lambda: not client.exists(f"rq:job:{job_id}"), "the release of the job")


def succeeded(http: httpx2.Client, worker: Worker, client: redis.Redis, **headers: str) -> str:
    job_id = http.post("/v1/jobs", json={"prompt": "a red circle"}, headers=headers).json()["id"]
    worker.finish(worker.claim())
    release(client, job_id)
    return job_id


def test_a_job_is_shown_the_same_before_and_after(
    api: RunningApi, http: httpx2.Client, worker: Worker, client: redis.Redis
) -> None:
    job_id = http.post(
        "/v1/jobs", json={"prompt": "x", "n": 2, "output": {"grid": True}, "metadata": {"a": "b"}}
    ).json()["id"]
    record = worker.claim()
    with http.stream("GET", f"/v1/jobs/{job_id}/events") as events:
        worker.finish(record)
        lines = [line for line in events.iter_lines() if line.startswith("data:")]
    shown = json.loads(lines[-1].removeprefix("data:"))
    release(client, job_id)
    archived = http.get(f"/v1/jobs/{job_id}").json()
    for job in (shown, archived):
        for file in (*job["outputs"], job["grid"]):
            del file["signed_url"], file["signed_url_expires_at"]
    assert archived == shown


def test_routes_of_one_job(api: RunningApi, http: httpx2.Client, worker: Worker, client: redis.Redis) -> None:
    job_id = succeeded(http, worker, client)
    url = f"/v1/jobs/{job_id}"
    assert http.get(url, headers={"Prefer": "wait=30"}).json()["status"] == "succeeded"
    assert http.get(url, headers={"If-None-Match": http.get(url).headers["ETag"]}).status_code == 304
    assert http.get(f"{url}/images/0", follow_redirects=True).content == IMAGE_BYTES
    assert http.post(f"{url}/cancel").json()["status"] == "succeeded"
    assert http.get(f"{url}/deliveries").json() == {"data": []}
    problem(http.post(f"{url}/retry"), "job_succeeded")
    with http.stream("GET", f"{url}/events") as events:
        names = [line.removeprefix("event: ") for line in events.iter_lines() if line.startswith("event:")]
    assert names == ["status", "done"]


def test_a_canceled_job_is_retried(api: RunningApi, http: httpx2.Client, client: redis.Redis) -> None:
    job_id = http.post("/v1/jobs", json={"prompt": "x", "seed": 5}).json()["id"]
    http.post(f"/v1/jobs/{job_id}/cancel")
    release(client, job_id)
    again = http.post(f"/v1/jobs/{job_id}/retry")
    assert (again.status_code, again.json()["retried_from"], again.json()["request"]["seed"]) == (201, job_id, 5)


def test_an_idempotency_key_replays_it(
    api: RunningApi, http: httpx2.Client, worker: Worker, client: redis.Redis
) -> None:
    headers = {"Idempotency-Key": "key-1"}
    job_id = succeeded(http, worker, client, **headers)
    replay = http.post("/v1/jobs", json={"prompt": "a red circle"}, headers=headers)
    assert (replay.json()["id"], replay.headers["Idempotency-Replayed"]) == (job_id, "true")
    assert replay.json()["status"] == "succeeded"
    http.delete(f"/v1/jobs/{job_id}")
    problem(http.post("/v1/jobs", json={"prompt": "a red circle"}, headers=headers), "not_found")


def test_a_deleted_job_is_gone_with_its_files(
    api: RunningApi, http: httpx2.Client, worker: Worker, client: redis.Redis
) -> None:
    job_id = succeeded(http, worker, client)
    folder = api.settings.store_folder / "jobs" / job_id
    assert list(folder.rglob("*.png"))
    assert http.delete(f"/v1/jobs/{job_id}").status_code == 204
    problem(http.get(f"/v1/jobs/{job_id}"), "not_found")
    assert http.get("/v1/jobs").json()["data"] == []
    wait_until(lambda: not files_in(folder), "the removal of the files")
    assert http.delete(f"/v1/jobs/{job_id}").status_code == 204


def test_another_tenants_job_is_not_found(http: httpx2.Client) -> None:
    problem(http.get("/v1/jobs/job_01m88734m8d43rjz0d8qwxwqgv"), "not_found")
    problem(http.patch("/v1/jobs/job_01m88734m8d43rjz0d8qwxwqgv", json={"kept": True}), "not_found")


def test_lists_merge_live_and_archived_jobs_in_one_order(
    api: RunningApi, http: httpx2.Client, worker: Worker, client: redis.Redis
) -> None:
    ids: list[str] = []
    for number in range(6):
        job_id = http.post("/v1/jobs", json={"prompt": f"number {number}"}).json()["id"]
        ids.append(job_id)
        if number % 2:
            http.post(f"/v1/jobs/{job_id}/cancel")
            release(client, job_id)
    for limit in (1, 2, 5, 6, 7):
        assert listed(http, limit=limit) == ids[::-1]
    assert listed(http, status="canceled", limit=2) == ids[5::-2]
    assert listed(http, status="queued", limit=2) == ids[4::-2]
    assert listed(http, q="number", limit=1) == ids[::-1]
    assert listed(http, q="number 3") == [ids[3]]
    assert listed(http, q="number 4") == [ids[4]]


@pytest.mark.parametrize("is_archived", [False, True])
def test_every_filter_selects_live_and_archived_jobs(
    api: RunningApi, http: httpx2.Client, client: redis.Redis, is_archived: bool
) -> None:
    metadata = {"order": "17", "NAME": "x"}
    body = {"prompt": "Café, a RED circle", "negative_prompt": "blur", "seed": 11, "metadata": metadata}
    job_id, other = (http.post("/v1/jobs", json=each).json()["id"] for each in (body, {"prompt": "x", "seed": 1}))
    http.patch(f"/v1/jobs/{job_id}", json={"kept": True, "labels": ["b", "a"]})
    if is_archived:
        for each in (job_id, other):
            http.post(f"/v1/jobs/{each}/cancel")
            release(client, each)
    for query in (
        {"q": "cafe circle"},
        {"q": '"red circle"'},
        {"q": "blur"},
        {"seed": 11},
        {"kept": "true"},
        {"label": ["a", "b"]},
        {"metadata.order": "17"},
        {"metadata.NAME": "x", "metadata.order": "17"},
    ):
        assert listed(http, **query) == [job_id], query
    for query in (
        {"q": '"circle red"'},
        {"seed": 2},
        {"label": ["a", "c"]},
        {"metadata.order": "1"},
        {"metadata.NAME": "17"},
        {"error_code": "internal"},
    ):
        assert listed(http, **query) == [], query
    assert listed(http, kept="false") == [other]


@pytest.mark.parametrize(
    "query",
    [
        {"q": ""},
        {"q": "-"},
        {"q": "a " * 40},
        {"seed": "x"},
        {"seed": str(2**63)},
        {"kept": "1"},
        {"metadata": "x"},
        {"batch": ""},
    ],
)
def test_a_filter_without_meaning_is_refused(http: httpx2.Client, query: dict[str, str]) -> None:
    problem(http.get("/v1/jobs", params=query), "invalid_request")


def listed(http: httpx2.Client, **query: object) -> list[str]:
    """Return the ids of all pages."""
    found, cursor = list[str](), {}
    while True:
        page = http.get("/v1/jobs", params={**query, **cursor}).json()
        found += [job["id"] for job in page["data"]]
        if page["next_cursor"] is None:
            return found
        cursor = {"cursor": page["next_cursor"]}


@pytest.mark.parametrize("is_archived", [False, True])
def test_a_job_is_kept_and_labeled(
    api: RunningApi, http: httpx2.Client, client: redis.Redis, is_archived: bool
) -> None:
    job = http.post("/v1/jobs", json={"prompt": "x"}).json()
    url = f"/v1/jobs/{job['id']}"
    if is_archived:
        http.post(f"{url}/cancel")
        release(client, job["id"])
        job = http.get(url).json()
    kept = http.patch(url, json={"kept": True, "labels": ["z", "a", "z"]}).json()
    assert (kept["kept"], kept["labels"], kept["expires_at"]) == (True, ["a", "z"], None)
    assert kept["version"] == job["version"] + 1
    assert http.patch(url, json={"labels": []}).json()["labels"] == []
    assert http.patch(url, json={}).json()["kept"] is True
    assert http.get(url).json()["kept"] is True


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"kept": "yes"}, "/kept"),
        ({"labels": "x"}, "/labels"),
        ({"labels": [""]}, "/labels/0"),
        ({"labels": ["a\nb"]}, "/labels/0"),
        ({"labels": ["x" * 65]}, "/labels/0"),
        ({"labels": ["x"] * 17}, "/labels"),
        ({"lables": []}, "/lables"),
    ],
)
def test_a_wrong_annotation_is_refused(http: httpx2.Client, body: dict[str, object], pointer: str) -> None:
    job_id = http.post("/v1/jobs", json={"prompt": "x"}).json()["id"]
    assert problem(http.patch(f"/v1/jobs/{job_id}", json=body), "invalid_request")["errors"][0]["pointer"] == pointer
