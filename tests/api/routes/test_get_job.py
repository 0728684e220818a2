"""`GET /v1/jobs/{id}` in every status of a job."""

import httpx2
import pytest

from renderq.contract import Job
from renderq_shared.jobs import NewJob, QueueLimits, commands
from renderq_shared.jobs.redis import RedisJobStore
from tests.api.problems import problem
from tests.api.running_api import RunningApi
from tests.api.worker import IMAGE_BYTES, Worker


def submit(http: httpx2.Client, **fields: object) -> str:
    return http.post("/v1/jobs", json={"prompt": "x", **fields}).json()["id"]


def get_job(http: httpx2.Client, job_id: str, **headers: str) -> httpx2.Response:
    return http.get(f"/v1/jobs/{job_id}", headers={name.replace("_", "-"): text for name, text in headers.items()})


def test_queued(http: httpx2.Client, worker: Worker) -> None:
    submit(http)
    response = get_job(http, submit(http))
    job = Job.model_validate(response.json())
    assert (job.status, job.queue_position, job.wait_reason) == ("queued", 1, "queued")
    assert (job.started_at, job.completed_at, job.metrics.queue_ms) == (None, None, None)
    assert response.headers["retry-after"] == "2"


def test_running(http: httpx2.Client, worker: Worker) -> None:
    job_id = submit(http, n=2)
    record = worker.claim()
    worker.report(record, "loading_model")
    loading = Job.model_validate(get_job(http, job_id).json())
    assert (loading.status, loading.stage, loading.wait_reason) == ("running", "loading_model", "loading_model")
    assert (loading.worker, loading.attempt, loading.queue_position) == ("worker-1", 1, None)
    worker.report(record, "denoising", step=10, steps=40)
    response = get_job(http, job_id)
    job = Job.model_validate(response.json())
    assert (job.stage, job.wait_reason) == ("denoising", None)
    assert job.progress.model_dump() == {
        "value": 0.25,
        "step": 10,
        "steps": 40,
        "images_done": 0,
        "images_total": 2,
        "images": (
            {"index": 0, "step": 10, "steps": 20, "status": "running"},
            {"index": 1, "step": 0, "steps": 20, "status": "queued"},
        ),
    }
    assert job.version > loading.version
    assert job.metrics.queue_ms is not None
    assert job.metrics.total_ms is None
    assert response.headers["retry-after"] == "1"


def test_succeeded(http: httpx2.Client, worker: Worker) -> None:
    job_id = submit(http, n=2)
    worker.finish(worker.claim())
    response = get_job(http, job_id)
    job = Job.model_validate(response.json())
    assert (job.status, job.stage, job.progress.value, job.error) == ("succeeded", None, 1.0, None)
    assert (job.model_revision, job.device, job.dtype, job.exactness) == ("abc", "cpu", "float32", "stock")
    assert [(output.index, output.seed, output.size_bytes) for output in job.outputs] == [
        (0, 7, len(IMAGE_BYTES)),
        (1, 8, len(IMAGE_BYTES)),
    ]
    assert job.outputs[1].url == f"{job.urls.self}/images/1"
    assert [warning.code for warning in job.warnings] == ["vae_tiling"]
    assert (job.metrics.load_ms, job.metrics.inference_ms, job.metrics.batch_width_mean) == (5, 70, 1.5)
    assert job.created_at <= job.started_at <= job.completed_at  # type: ignore[operator]
    assert job.metrics.total_ms is not None
    assert job.metrics.queue_ms is not None
    assert job.metrics.total_ms >= job.metrics.queue_ms
    assert "retry-after" not in response.headers
    assert "key" not in response.json()["outputs"][0]


def test_failed(http: httpx2.Client, worker: Worker) -> None:
    job_id = submit(http)
    worker.fail(worker.claim())
    job = Job.model_validate(get_job(http, job_id).json())
    assert (job.status, job.outputs, job.completed_at is None) == ("failed", (), False)
    assert job.error is not None
    assert (job.error.code, job.error.retryable) == ("nan_output", False)


def test_times_are_rfc_3339_in_utc(http: httpx2.Client) -> None:
    created = get_job(http, submit(http)).json()["created_at"]
    assert created.endswith("Z")
    assert len(created) == len("2026-01-31T12:00:00.000Z")


def test_etag_is_the_version(http: httpx2.Client, worker: Worker) -> None:
    job_id = submit(http)
    first = get_job(http, job_id)
    assert first.headers["etag"] == f'W/"{first.json()["version"]}"'
    worker.claim()
    assert get_job(http, job_id).headers["etag"] != first.headers["etag"]


@pytest.mark.parametrize("etags", ['W/"1"', '"1"', 'W/"0", W/"1"', "*"])
def test_unchanged_job_is_304(http: httpx2.Client, etags: str) -> None:
    job_id = submit(http)
    response = get_job(http, job_id, if_none_match=etags)
    assert (response.status_code, response.content, response.headers["etag"]) == (304, b"", 'W/"1"')
    assert response.headers["retry-after"]


@pytest.mark.parametrize("etags", ['W/"2"', '"11"', "1", "nonsense", '"'])
def test_other_etags_get_the_job(http: httpx2.Client, etags: str) -> None:
    assert get_job(http, submit(http), if_none_match=etags).status_code == 200


def test_another_tenants_job_is_not_there(http: httpx2.Client, store: RedisJobStore) -> None:
    job_id = submit(http)
    foreign = NewJob(
        id=job_id.replace("job_0", "job_1"),
        tenant="another-tenant",
        task="txt2img",
        model="shapes",
        request_json="{}",
        images=1,
        cost=1,
        priority=0,
        max_attempts=3,
    )
    assert store.call(commands.submit(foreign, QueueLimits(10, 10))).record is not None
    for path in (f"/v1/jobs/{foreign.id}", f"/v1/jobs/{foreign.id}/images/0"):
        problem(http.get(path), "not_found")
    problem(http.post(f"/v1/jobs/{foreign.id}/cancel"), "not_found")
    problem(http.get(f"/v1/jobs/{foreign.id}", headers={"Prefer": "wait=5"}), "not_found")


def test_expired(api: RunningApi, http: httpx2.Client) -> None:
    job_id = submit(http, deadline_seconds=1)
    response = get_job(http, job_id, prefer="wait=10")
    assert response.json()["status"] == "expired"
