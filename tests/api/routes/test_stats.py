"""`GET /v1/stats` and `GET /v1/stats/history`: load of the service."""

import httpx2

from renderq import AsyncClient, Client
from tests.api.running_api import RunningApi
from tests.api.worker import Worker
from tests.polling import wait_until


def test_an_idle_service_names_its_models(http: httpx2.Client) -> None:
    shapes = {
        "model": "shapes",
        "queued_jobs": 0,
        "oldest_seconds": None,
        "running_jobs": 0,
        "paused": False,
        "workers": 0,
    }
    assert http.get("/v1/stats").json() == {"queued_jobs": 0, "running_jobs": 0, "workers": 0, "models": [shapes]}


def test_waiting_and_running_jobs_are_counted_by_model(http: httpx2.Client, worker: Worker) -> None:
    for _ in range(3):
        http.post("/v1/jobs", json={"prompt": "x"})
    record = worker.claim()
    stats = http.get("/v1/stats").json()
    assert (stats["queued_jobs"], stats["running_jobs"], stats["workers"]) == (2, 1, 1)
    [shapes] = stats["models"]
    assert (shapes["queued_jobs"], shapes["running_jobs"], shapes["workers"]) == (2, 1, 1)
    assert shapes["oldest_seconds"] >= 0
    model = http.get("/v1/models/shapes").json()
    assert (model["queued_jobs"], model["running_jobs"]) == (2, 1)
    http.post(f"/v1/jobs/{record.id}/cancel")
    assert http.get("/v1/stats").json()["running_jobs"] == 1
    worker.cancel(record)
    assert http.get("/v1/stats").json()["running_jobs"] == 0


async def test_the_load_of_the_last_day_is_told_by_minutes(
    api: RunningApi, http: httpx2.Client, worker: Worker
) -> None:
    _, waiting = [http.post("/v1/jobs", json={"prompt": "x"}).json()["id"] for _ in range(2)]
    with Client(api.url) as client:
        wait_until(lambda: [minute.queued_jobs for minute in client.load_history()] == [2])
        worker.fail(worker.claim())
        http.post(f"/v1/jobs/{waiting}/cancel").raise_for_status()
        (minute,) = client.load_history()
    assert (minute.succeeded_jobs, minute.failed_jobs) == (0, 1)
    assert (minute.canceled_jobs, minute.expired_jobs) == (1, 0)
    async with AsyncClient(api.url) as asynchronous:
        assert [each.failed_jobs for each in await asynchronous.load_history()] == [1]
