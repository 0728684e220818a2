"""`renderq.testing`: the fake service behaves as the contract says, with both clients."""

import hashlib
import io
import math
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from renderq import (
    AsyncClient,
    Client,
    ConnectionFailed,
    InvalidRequest,
    Job,
    JobExpired,
    JobFailed,
    NotFound,
    ServiceUnavailable,
    Status,
    Unauthorized,
    WaitTimeout,
    webhooks,
)
from renderq.contract import JobErrorCode, ProblemKind, can_transition
from renderq.testing import DROPPED, WEBHOOK_SECRET, FakeResponse, FakeService, JobScript, signed_webhook
from renderq.testing.fake_state import fake_model


@pytest.fixture
def service(server: FakeService) -> Iterator[FakeService]:
    yield server
    for job in server.jobs:
        assert job.status.is_terminal


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Pillow.open(io.BytesIO(data)).convert("RGB"))


def test_a_job_is_rendered_and_saved(service: FakeService, client: Client, tmp_path: Path) -> None:
    job = client.submit("a cat", n=2, width=64, height=32, output={"grid": True})
    assert job.job.status is Status.QUEUED
    assert job.wait().status is Status.SUCCEEDED
    paths = job.images.save(tmp_path / "cat.png")
    assert [path.name for path in paths] == ["cat-0.png", "cat-1.png"]
    first, second = (pixels(path.read_bytes()) for path in paths)
    assert first.shape == (32, 64, 3)
    assert hashlib.sha256(first.tobytes()).hexdigest() == job.job.outputs[0].pixel_sha256
    assert not np.array_equal(first, second)
    assert job.grid is not None
    assert np.array_equal(pixels(job.grid.bytes()), np.concatenate([first, second], axis=1))


async def test_the_async_client_does_the_same(service: FakeService) -> None:
    async with AsyncClient(service.url) as client:
        job = await client.submit("a cat")
        names = [event.name async for event in job.events()]
        assert names[-1] == "done"
        assert await job.images[0].bytes() == await client.images(await client.run("a cat"))[0].bytes()


def test_the_request_is_complete_and_can_be_submitted_again(service: FakeService, client: Client) -> None:
    done = client.run("a cat", metadata={"a": "b"})
    assert None not in [done.request[name] for name in ("model", "width", "height", "steps", "guidance_scale", "seed")]
    assert done.metadata == {"a": "b"}
    again = client.run(**done.request)
    assert again.outputs[0].sha256 == done.outputs[0].sha256


def test_wrong_requests_are_refused_as_by_the_service(service: FakeService, client: Client) -> None:
    with pytest.raises(InvalidRequest) as refused:
        client.submit("a cat", steps=1_000)
    assert [error.pointer for error in refused.value.errors] == ["/steps"]
    with pytest.raises(InvalidRequest, match="too_many_pixels"):
        client.submit("a cat", width=4096)
    with pytest.raises(InvalidRequest, match="model_not_found"):
        client.submit("a cat", model="no such model")
    with pytest.raises(InvalidRequest, match="asset_not_found"):
        client.submit("a cat", image="asset_" + "0" * 64)
    with pytest.raises(InvalidRequest, match="unsupported_media_type"):
        client.assets.upload(b"text")
    with pytest.raises(NotFound):
        client.job("job_1")
    assert service.jobs == []


def test_a_job_fails_as_scripted_and_keeps_its_finished_images(service: FakeService, client: Client) -> None:
    service.script(JobScript(error=JobErrorCode.OUT_OF_MEMORY, message="no room", images=1))
    handle = client.submit("a cat", n=2)
    with pytest.raises(JobFailed, match="out_of_memory: no room"):
        handle.wait()
    assert len(handle.images) == 1
    assert handle.images[0].bytes()
    assert client.run("the next one succeeds").status is Status.SUCCEEDED
    assert handle.retry().wait().retried_from == handle.id


def test_a_job_expires_as_scripted(service: FakeService, client: Client) -> None:
    service.script(JobScript(status=Status.EXPIRED))
    with pytest.raises(JobExpired):
        client.run("a cat")
    assert service.jobs[0].started_at is None
    with pytest.raises(ValueError, match="cannot end as running"):
        JobScript(status=Status.RUNNING)


def test_progress_takes_the_scripted_time_and_never_goes_back(service: FakeService, client: Client) -> None:
    service.script(JobScript(seconds=0.3, error=JobErrorCode.NAN_OUTPUT))
    seen: list[Job] = []
    with pytest.raises(JobFailed):
        client.run("a cat", steps=5, n=2, on_progress=seen.append)
    steps = [job.progress.step for job in seen]
    assert steps == sorted(steps)
    assert len(set(steps)) > 3
    changes = pairwise(seen)
    assert all(b.status is a.status or can_transition(a.status, b.status) for a, b in changes)
    assert [job.version for job in seen] == sorted({job.version for job in seen})


def test_an_endless_job_is_canceled(service: FakeService, client: Client) -> None:
    service.script(JobScript(seconds=math.inf))
    handle = client.submit("a cat")
    with pytest.raises(WaitTimeout):
        handle.wait(timeout=0.1)
    with pytest.raises(InvalidRequest, match="job_not_terminal"):
        handle.delete()
    assert client.stats().running_jobs == 1
    assert [minute.running_jobs for minute in client.load_history()] == [1]
    assert handle.cancel().status is Status.CANCELING
    assert handle.status() is Status.CANCELED
    handle.delete()
    assert service.jobs == []


def test_a_full_queue_is_tried_again_and_raised_if_it_stays_full(service: FakeService, client: Client) -> None:
    service.refuse("queue_full")
    assert client.run("a cat").status is Status.SUCCEEDED
    assert len(service.requests("POST", "/v1/jobs")) == 2
    service.refuse(ProblemKind.QUEUE_FULL, times=5)
    with pytest.raises(ServiceUnavailable) as refused:
        client.submit("a cat")
    assert refused.value.code == "queue_full"
    assert client.submit("a cat").wait()


def test_a_service_that_is_down_drops_connections(service: FakeService) -> None:
    service.is_down = True
    with Client(service.url, max_retries=0) as client:
        with pytest.raises(ConnectionFailed):
            client.submit("a cat")
        service.is_down = False
        assert client.run("a cat")


def test_a_job_is_submitted_once_despite_connection_errors(service: FakeService, client: Client) -> None:
    first = client.submit("a cat", idempotency_key="order-17")
    assert client.submit("a cat", idempotency_key="order-17").id == first.id
    with pytest.raises(InvalidRequest, match="idempotency_key_reuse"):
        client.submit("a dog", idempotency_key="order-17")
    assert len(service.jobs) == 1


def test_any_route_can_be_scripted_with_raw_responses(service: FakeService, client: Client) -> None:
    service.on("GET", "/v1/workers", DROPPED, FakeResponse(200, {"data": []}))
    assert client.workers.list() == ()
    assert [model.name for model in client.models.list()] == ["fake"]
    assert client.models.get("fake").default


def test_lists_have_pages_and_filters(service: FakeService, client: Client) -> None:
    service.script(JobScript(), JobScript(status=Status.FAILED))
    ids = [client.submit("a cat").id for _ in range(3)]
    assert [job.id for job in client.jobs.list(page_size=2)] == ids[::-1]
    assert [job.id for job in client.jobs.list(status="failed")] == [ids[1]]


def test_uploads_are_assets(service: FakeService, client: Client) -> None:
    data = client.images(client.run("a cat", width=64, height=64))[0].bytes()
    asset = client.assets.upload(data)
    assert (asset.width, asset.content_type) == (64, "image/png")
    assert client.assets.get(asset.id) == asset
    assert client.run("a dog", image=data).request["image"] == asset.id
    wide = client.run("a dog", image=data, width=64, height=64, extend={"left": 8})
    assert (wide.task, wide.outputs[0].width, wide.outputs[0].height) == ("outpaint", 72, 64)
    large = client.run(image=data, width=64, height=32, noise_level=20)
    assert (large.task, large.outputs[0].width, large.outputs[0].height) == ("upscale", 256, 128)
    resized = client.run("a cat", width=64, height=32, output={"resize": 4})
    assert (resized.outputs[0].width, resized.outputs[0].height) == (256, 128)


def test_a_key_can_be_required() -> None:
    with FakeService(api_key="rq_right", models=[fake_model("mine")]) as service:
        with Client(service.url, "rq_wrong") as client, pytest.raises(Unauthorized):
            client.models.list()
        with Client(service.url, "rq_right") as client:
            assert client.run("a cat").model == "mine"


def test_an_edit_has_as_many_images_as_the_model_takes(client: Client) -> None:
    limits = client.models.list()[0].limits
    images = ["data:image/png;base64,AA=="] * limits.max_images
    assert client.run("add a hat", images=images).task == "edit"
    with pytest.raises(InvalidRequest, match="images: May have at most 4 with the model fake, not 5"):
        client.submit("add a hat", images=[*images, images[0]])


def test_the_default_schedule_is_that_of_the_default_scheduler_alone() -> None:
    model = fake_model()
    defaults = model.defaults.model_copy(update={"scheduler": "euler", "schedule": "karras"})
    model = model.model_copy(update={"defaults": defaults})
    with FakeService(models=[model]) as service, Client(service.url) as client:
        assert client.run("a cat").request["schedule"] == "karras"
        assert client.run("a cat", scheduler="ddim").request["schedule"] is None
        assert client.run("a cat", scheduler="ddim", schedule="trailing").request["schedule"] == "trailing"


def test_webhooks_are_signed(service: FakeService, client: Client) -> None:
    headers, body = signed_webhook(client.run("a cat"))
    event = webhooks.verify(headers, body, WEBHOOK_SECRET)
    assert (event.type, event.data.outputs[0].signed_url) == ("job.succeeded", None)


def test_the_end_of_the_block_ends_open_streams() -> None:
    service = FakeService()
    with Client(service.url, max_retries=0) as client:
        with service:
            service.script(JobScript(seconds=math.inf))
            events = client.submit("a cat").events()
            assert next(events).job.status is Status.RUNNING
        with pytest.raises(ConnectionFailed):
            next(events)


def test_an_image_of_a_job_is_an_input(service: FakeService, client: Client) -> None:
    first = client.run("a cat", n=2)
    assert client.run("a dog", image=f"{first.id}/1").task == "img2img"
    for missing in (f"{first.id}/2", "job_99/0"):
        with pytest.raises(InvalidRequest, match="asset_not_found"):
            client.submit("a dog", image=missing)


def test_its_worker_can_be_drained(client: Client) -> None:
    [worker] = client.workers.list()
    with pytest.raises(NotFound, match="there is no worker other"):
        client.workers.drain("other")
    assert not worker.draining
    assert client.workers.drain(worker.id).draining
    assert client.workers.list()[0].draining
