"""`POST /v1/jobs/{id}/cancel`."""

import httpx2
import pytest

from tests.api.worker import Worker


def submit(http: httpx2.Client) -> str:
    return http.post("/v1/jobs", json={"prompt": "x"}).json()["id"]


def cancel(http: httpx2.Client, job_id: str, **options: object) -> httpx2.Response:
    return http.post(f"/v1/jobs/{job_id}/cancel", **options)


def test_queued_job_is_canceled_at_once(http: httpx2.Client) -> None:
    job_id = submit(http)
    response = cancel(http, job_id)
    assert (response.status_code, response.json()["status"]) == (200, "canceled")
    assert response.headers["etag"] == f'W/"{response.json()["version"]}"'


def test_running_job_is_asked_to_stop(http: httpx2.Client, worker: Worker) -> None:
    job_id = submit(http)
    record = worker.claim()
    assert cancel(http, job_id).json()["status"] == "canceling"
    worker.cancel(record)
    assert http.get(f"/v1/jobs/{job_id}").json()["status"] == "canceled"


@pytest.mark.parametrize("ending", ["finish", "fail", "cancel"])
def test_again_and_after_the_end_changes_nothing(http: httpx2.Client, worker: Worker, ending: str) -> None:
    job_id = submit(http)
    record = worker.claim()
    if ending == "cancel":
        cancel(http, job_id)
    getattr(worker, ending)(record)
    ended = http.get(f"/v1/jobs/{job_id}").json()
    for _ in range(2):
        response = cancel(http, job_id)
        assert (response.status_code, response.json()["status"]) == (200, ended["status"])
        assert response.json()["version"] == ended["version"]


def test_an_empty_object_is_no_field(http: httpx2.Client) -> None:
    assert cancel(http, submit(http), json={}).status_code == 200
