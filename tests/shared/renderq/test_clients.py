"""Both clients against a real HTTP server."""

import threading
import time

import pytest

from renderq import AsyncClient, Client, ConnectionFailed, JobFailed, NotFound, ServiceUnavailable, Status, WaitTimeout
from renderq.testing import DROPPED, FakeResponse, FakeService, problem
from tests.shared.renderq.factories import IMAGE_BYTES, job, script_finished_job

RETRY_NOW = problem("service_unavailable", "starting", retry_after=0)
MODEL = {
    "name": "shapes",
    "family": "stable_diffusion",
    "tasks": ["txt2img"],
    "revision": "1",
    "default": True,
    "defaults": {"width": 64, "height": 64, "steps": 20, "guidance_scale": 4.0},
    "limits": {"max_side": 64, "max_pixels": 4096},
    "queued_jobs": 0,
    "workers": 1,
    "warm_workers": 1,
    "a_field_of_a_newer_server": True,
}


def test_run_submits_waits_and_returns_the_job(server: FakeService, client: Client) -> None:
    script_finished_job(server)
    done = client.run("a circle", steps=5, seed=7, output={"format": "webp"})
    assert done.status is Status.SUCCEEDED
    [submission] = server.requests("POST", "/v1/jobs")
    assert submission.json == {"prompt": "a circle", "steps": 5, "seed": 7, "output": {"format": "webp"}}
    assert submission.headers["Authorization"] == "Bearer rq_secret"
    assert submission.headers["User-Agent"].startswith("renderq/")
    assert client.images(done)[0].bytes() == IMAGE_BYTES


async def test_async_run_does_the_same(server: FakeService) -> None:
    script_finished_job(server)
    async with AsyncClient(server.url) as client:
        done = await client.run("a circle")
        assert await client.images(done)[0].bytes() == IMAGE_BYTES
    assert "Authorization" not in server.received[0].headers


def test_unavailable_and_dropped_are_tried_again_under_the_same_key(server: FakeService, client: Client) -> None:
    server.on("POST", "/v1/jobs", RETRY_NOW, DROPPED, FakeResponse(201, job()))
    assert client.submit("a circle").id == "job_1"
    attempts = server.requests("POST", "/v1/jobs")
    assert len(attempts) == 3
    assert len({attempt.headers["Idempotency-Key"] for attempt in attempts}) == 1
    assert len({attempt.body for attempt in attempts}) == 1


async def test_async_client_tries_again_too(server: FakeService) -> None:
    server.on("POST", "/v1/jobs", RETRY_NOW, DROPPED, FakeResponse(201, job()))
    async with AsyncClient(server.url) as client:
        assert (await client.submit("a circle")).id == "job_1"
    assert len({request.headers["Idempotency-Key"] for request in server.received}) == 1


def test_retry_after_is_waited_for(server: FakeService, client: Client) -> None:
    server.on("GET", "/v1/workers", retry_in_a_second(), FakeResponse(200, {"data": []}))
    started = time.monotonic()
    client.workers.list()
    assert time.monotonic() - started >= 1


async def test_async_client_waits_for_retry_after_too(server: FakeService) -> None:
    server.on("GET", "/v1/workers", retry_in_a_second(), FakeResponse(200, {"data": []}))
    started = time.monotonic()
    async with AsyncClient(server.url) as client:
        await client.workers.list()
    assert time.monotonic() - started >= 1


def retry_in_a_second() -> FakeResponse:
    return problem("rate_limited", "slow down", retry_after=1)


def test_other_client_errors_are_not_tried_again(server: FakeService, client: Client) -> None:
    with pytest.raises(NotFound, match="there is no job job_9"):
        client.job("job_9")
    assert len(server.received) == 1


def test_max_retries_bounds_the_attempts(server: FakeService) -> None:
    server.on("GET", "/v1/workers", RETRY_NOW)
    with Client(server.url, max_retries=2) as client, pytest.raises(ServiceUnavailable):
        client.workers.list()
    assert len(server.received) == 3


def test_an_unreachable_service_is_a_failed_connection() -> None:
    with (
        Client("http://127.0.0.1:9", max_retries=0) as client,
        pytest.raises(ConnectionFailed, match=r"127\.0\.0\.1:9"),
    ):
        client.workers.list()


def test_the_handle_follows_the_job(server: FakeService, client: Client) -> None:
    server.on("POST", "/v1/jobs", FakeResponse(201, job()))
    server.on("GET", "/v1/jobs/job_1", FakeResponse(200, job("running", version=2)))
    server.on("POST", "/v1/jobs/job_1/cancel", FakeResponse(200, job("canceling", version=3)))
    handle = client.submit("a circle")
    assert (handle.id, handle.job.status, handle.images) == ("job_1", "queued", ())
    assert handle.status() is Status.RUNNING
    assert handle.job.version == 2
    assert handle.cancel().status is Status.CANCELING
    with pytest.raises(WaitTimeout):
        handle.wait(timeout=0)
    assert handle.job.version == 2


def test_a_failed_job_keeps_the_images_that_were_finished(server: FakeService, client: Client) -> None:
    server.on("GET", "/v1/jobs/job_1", FakeResponse(200, job("failed", url=server.url, images=2, done=1)))
    server.on("GET", "/v1/jobs/job_1/images/0", FakeResponse(200, IMAGE_BYTES))
    handle = client.job("job_1")
    with pytest.raises(JobFailed):
        handle.wait()
    assert [image.bytes() for image in handle.images] == [IMAGE_BYTES]


def test_progress_is_reported_while_waiting(server: FakeService, client: Client) -> None:
    server.on("POST", "/v1/jobs", FakeResponse(201, job()))
    server.on(
        "GET",
        "/v1/jobs/job_1",
        FakeResponse(200, job("running", version=2), {"ETag": 'W/"2"'}),
        FakeResponse(304),
        FakeResponse(200, job("succeeded", version=3)),
    )
    seen: list[str] = []
    client.run("a circle", on_progress=lambda job: seen.append(job.status))
    assert seen == ["running", "succeeded"]


def test_models_and_workers(server: FakeService, client: Client) -> None:
    server.on("GET", "/v1/models", FakeResponse(200, {"data": [MODEL]}))
    server.on("GET", "/v1/models/org%2Fshapes", FakeResponse(200, MODEL))
    server.on("GET", "/v1/workers", FakeResponse(200, {"data": []}))
    assert [model.name for model in client.models.list()] == ["shapes"]
    assert client.models.get("org/shapes").defaults.steps == 20
    assert client.workers.list() == ()


def test_threads_may_share_a_client(server: FakeService, client: Client) -> None:
    script_finished_job(server)
    ended: list[str] = []
    threads = [threading.Thread(target=lambda: ended.append(client.run("a circle").status)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ended == ["succeeded"] * 4
    assert len({request.headers["Idempotency-Key"] for request in server.requests("POST", "/v1/jobs")}) == 4
