"""`POST /v1/jobs/{id}/retry`: retry a job that did not succeed."""

import httpx2
import pytest

from tests.api.problems import problem
from tests.api.worker import Worker

FULL = {"prompt": "x", "n": 2, "priority": 3, "deadline_seconds": 600, "metadata": {"order": "A-17"}}


def submit(http: httpx2.Client, **fields: object) -> str:
    return http.post("/v1/jobs", json={"prompt": "x", **fields}).json()["id"]


def retry(http: httpx2.Client, job_id: str, **headers: str) -> httpx2.Response:
    return http.post(
        f"/v1/jobs/{job_id}/retry", headers={name.replace("_", "-"): text for name, text in headers.items()}
    )


def canceled(http: httpx2.Client, **fields: object) -> str:
    job_id = submit(http, **fields)
    http.post(f"/v1/jobs/{job_id}/cancel")
    return job_id


def test_a_failed_job_again_is_a_new_job_with_the_same_request(http: httpx2.Client, worker: Worker) -> None:
    first = submit(http, **FULL)
    worker.fail(worker.claim())
    response = retry(http, first)
    again, failed = response.json(), http.get(f"/v1/jobs/{first}").json()
    assert (response.status_code, response.headers["location"], response.headers["etag"]) == (
        201,
        again["urls"]["self"],
        'W/"1"',
    )
    assert again["id"] != first
    assert (again["status"], again["retried_from"], again["queue_position"]) == ("queued", first, 0)
    assert again["request"] == failed["request"]
    assert isinstance(again["request"]["seed"], int)
    assert (failed["status"], failed["retried_from"]) == ("failed", None)
    record = worker.claim()
    assert (record.id, record.images, record.priority) == (again["id"], 2, 3)
    assert record.deadline_at_ms == record.created_ms + 600_000


def test_canceled_and_expired_jobs_can_be_retried(http: httpx2.Client) -> None:
    expired = submit(http, deadline_seconds=1)
    assert http.get(f"/v1/jobs/{expired}", headers={"Prefer": "wait=10"}).json()["status"] == "expired"
    for job_id in (expired, canceled(http)):
        assert retry(http, job_id).json()["retried_from"] == job_id


def test_jobs_that_have_not_ended_cannot(http: httpx2.Client, worker: Worker) -> None:
    job_id = submit(http)
    assert "is queued" in problem(retry(http, job_id), "job_not_terminal")["detail"]
    worker.claim()
    assert "is running" in problem(retry(http, job_id), "job_not_terminal")["detail"]
    http.post(f"/v1/jobs/{job_id}/cancel")
    assert "is canceling" in problem(retry(http, job_id), "job_not_terminal")["detail"]


def test_a_job_that_succeeded_is_submitted_again_instead(http: httpx2.Client, worker: Worker) -> None:
    job_id = submit(http)
    worker.finish(worker.claim())
    problem(retry(http, job_id), "job_succeeded")
    again = http.post("/v1/jobs", json=http.get(f"/v1/jobs/{job_id}").json()["request"])
    assert (again.status_code, again.json()["retried_from"]) == (201, None)


@pytest.mark.parametrize("job_id", ["x", "job_01jdp3v9z8qk5r7t0123456789"])
def test_an_unknown_job_is_404(http: httpx2.Client, job_id: str) -> None:
    problem(retry(http, job_id), "not_found")


def test_the_same_key_gives_the_same_job(http: httpx2.Client) -> None:
    job_id = canceled(http)
    first, again = (retry(http, job_id, Idempotency_Key="k") for _ in range(2))
    assert (again.status_code, again.headers["idempotency-replayed"]) == (201, "true")
    assert again.json()["id"] == first.json()["id"] != retry(http, job_id).json()["id"]
    problem(retry(http, canceled(http), Idempotency_Key="k"), "idempotency_key_reuse")
    http.delete(f"/v1/jobs/{job_id}")
    assert retry(http, job_id, Idempotency_Key="k").json()["id"] == first.json()["id"]
    problem(retry(http, job_id), "not_found")


def test_a_retry_takes_no_fields(http: httpx2.Client) -> None:
    job_id = canceled(http)
    problem(http.post(f"/v1/jobs/{job_id}/retry", json={"seed": 1}), "invalid_request")
    problem(http.post(f"/v1/jobs/{job_id}/retry?seed=1"), "invalid_request")
    assert http.post(f"/v1/jobs/{job_id}/retry", json={}).status_code == 201
