"""Jobs, files and event streams of the contract, and scripts of a fake service that sends them."""

import base64
import hashlib
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from renderq.contract import Grid, Job, JobUrls, Metrics, Output, Preview, Progress
from renderq.testing import FakeResponse, FakeService
from renderq.testing.responses import format_event

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
IMAGE_BYTES = b"\x89PNG not really, but these very bytes"


def job(
    status: str = "queued", *, url: str = "http://127.0.0.1:9", images: int = 1, done: int = 0, **other: Any
) -> Job:
    """The job `job_1`, with `done` finished images."""
    defaults: dict[str, Any] = {
        "id": "job_1",
        "task": "txt2img",
        "model": "shapes",
        "status": status,
        "version": 1,
        "created_at": NOW,
        "progress": Progress(images_total=images, images_done=done),
        "outputs": tuple(output(index, f"{url}/v1/jobs/job_1/images/{index}") for index in range(done)),
        "metrics": Metrics(),
        "attempt": 0,
        "max_attempts": 3,
        "request": {"prompt": "a circle"},
        "urls": JobUrls(
            self=f"{url}/v1/jobs/job_1",
            cancel=f"{url}/v1/jobs/job_1/cancel",
            events=f"{url}/v1/jobs/job_1/events",
        ),
    }
    return Job(**{**defaults, **other})


def output(index: int, url: str, data: bytes = IMAGE_BYTES) -> Output:
    return Output(
        index=index,
        url=url,
        signed_url=url,
        signed_url_expires_at=NOW,
        content_type="image/png",
        width=64,
        height=64,
        size_bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        pixel_sha256="0" * 64,
        seed=index,
    )


def grid(url: str) -> Grid:
    return Grid.model_validate({**output(0, url).model_dump(), "columns": 2, "rows": 1})


def _preview_event(preview: Preview) -> bytes:
    return f"event: preview\ndata: {preview.model_dump_json()}\n\n".encode()


def stream(*events: tuple[str, Job] | Preview, retry_ms: int = 0, until: threading.Event | None = None) -> FakeResponse:
    """An event stream; it ends after the events, or when `until` is set."""
    body = b"".join(_preview_event(event) if isinstance(event, Preview) else format_event(*event) for event in events)

    def wait() -> Iterator[bytes]:
        if until:
            until.wait(60)
        yield b""

    return FakeResponse(
        200,
        f"retry: {retry_ms}\n\n: comment\n\n".encode() + body,
        {"Content-Type": "text/event-stream"},
        wait if until else None,
    )


def preview(step: int, index: int = 0) -> Preview:
    """A preview whose file is the number of its step."""
    data = base64.b64encode(str(step).encode())
    return Preview(index=index, step=step, steps=20, content_type="image/jpeg", width=64, height=64, data=data)


def script_finished_job(server: FakeService, images: int = 1, **other: Any) -> Job:
    """Script a job that has succeeded at the first poll, with its images."""
    done = job("succeeded", url=server.url, images=images, done=images, version=2, **other)
    server.on("POST", "/v1/jobs", FakeResponse(201, job(url=server.url, images=images)))
    server.on("GET", "/v1/jobs/job_1", FakeResponse(200, done, {"Preference-Applied": "wait=60"}))
    for index in range(images):
        server.on("GET", f"/v1/jobs/job_1/images/{index}", FakeResponse(200, IMAGE_BYTES))
    return done
