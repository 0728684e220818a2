"""`DELETE /v1/jobs/{id}`: deletes a job and its images."""

from pathlib import Path

import httpx2
import pytest

from tests.api.problems import problem
from tests.api.running_api import RunningApi
from tests.api.worker import Worker
from tests.polling import wait_until


def submit(http: httpx2.Client, **headers: str) -> str:
    return http.post("/v1/jobs", json={"prompt": "x"}, headers=headers).json()["id"]


def succeeded(http: httpx2.Client, worker: Worker, **headers: str) -> str:
    job_id = submit(http, **headers)
    worker.finish(worker.claim())
    return job_id


def image_paths(api: RunningApi, job_id: str) -> list[Path]:
    return list((api.settings.store_folder / "jobs" / job_id).rglob("*.png"))


def test_a_deleted_job_and_its_images_are_gone(api: RunningApi, http: httpx2.Client, worker: Worker) -> None:
    kept, job_id = succeeded(http, worker), succeeded(http, worker, **{"Idempotency-Key": "k"})
    output = http.get(f"/v1/jobs/{job_id}").json()["outputs"][0]
    response = http.delete(f"/v1/jobs/{job_id}")
    assert (response.status_code, response.content) == (204, b"")
    for path in (f"/v1/jobs/{job_id}", f"/v1/jobs/{job_id}/images/0"):
        problem(http.get(path), "not_found")
    for action in ("cancel", "retry"):
        problem(http.post(f"/v1/jobs/{job_id}/{action}"), "not_found")
    replay = http.post("/v1/jobs", json={"prompt": "x"}, headers={"Idempotency-Key": "k"})
    assert "deleted" in problem(replay, "not_found")["detail"]
    assert [job["id"] for job in http.get("/v1/jobs").json()["data"]] == [kept]
    wait_until(lambda: not image_paths(api, job_id))
    problem(http.get(output["signed_url"]), "not_found")
    assert image_paths(api, kept)
    assert http.delete(f"/v1/jobs/{job_id}").status_code == 204


def test_jobs_that_have_not_ended_are_not_deleted(http: httpx2.Client, worker: Worker) -> None:
    job_id = submit(http)
    problem(http.delete(f"/v1/jobs/{job_id}"), "job_not_terminal")
    record = worker.claim()
    problem(http.delete(f"/v1/jobs/{job_id}"), "job_not_terminal")
    worker.fail(record)
    assert http.delete(f"/v1/jobs/{job_id}").status_code == 204


@pytest.mark.parametrize("job_id", ["x", "job_01jdp3v9z8qk5r7t0123456789"])
def test_unknown_jobs_are_404(http: httpx2.Client, job_id: str) -> None:
    problem(http.delete(f"/v1/jobs/{job_id}"), "not_found")
    problem(http.delete(f"/v1/jobs/{job_id}?force=1"), "invalid_request")
