"""`GET /v1/stats`: load of the service."""

import httpx2

from tests.api.worker import Worker


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
