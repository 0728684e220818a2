"""Viewers of a running job see previews of its image."""

import base64
import contextlib
import io
import json
from collections.abc import Iterator

import httpx2
import numpy as np
import pytest
from PIL import Image

from tests.system.service import Service

pytestmark = pytest.mark.system

Event = httpx2.ServerSentEvent


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that notices a lost worker within five seconds."""
    with Service(tmp_path_factory.mktemp("data"), env={"RENDERQ_LEASE_SECONDS": "5"}) as service:
        yield service


@contextlib.contextmanager
def preview_events(service: Service, job_id: str) -> Iterator[Iterator[Event]]:
    with service.http.sse(f"/v1/jobs/{job_id}/events?previews=true") as source:
        yield (event for event in source if event.data)


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


def test_previews_become_the_image_and_change_nothing(service: Service) -> None:
    fields = {"steps": 20, "seed": 7}
    job_id = service.submit(**fields)["id"]
    with preview_events(service, job_id) as events:
        received = list(events)
    previews = [json.loads(event.data) for event in received if event.event == "preview"]
    assert received[-1].event == "done"
    assert [preview["step"] for preview in previews] == sorted({preview["step"] for preview in previews})
    seen, unseen = service.wait_until_ended(job_id), service.wait_until_ended(service.submit(**fields)["id"])
    image = service.image(seen, 0)
    assert image == service.image(unseen, 0)
    last = pixels(base64.b64decode(previews[-1]["data"]))
    assert np.abs(last - pixels(image)).mean() < 40


def test_previews_outlive_their_worker_and_end_with_the_job(service: Service) -> None:
    job_id = service.submit(steps=80, n=2)["id"]
    with preview_events(service, job_id) as events:
        assert next(event for event in events if event.event == "preview")
        service.process("worker").kill()
        assert next(event for event in events if event.event != "preview" and json.loads(event.data)["attempt"] == 2)
        assert next(event for event in events if event.event == "preview")
        service.http.post(f"/v1/jobs/{job_id}/cancel")
        assert next(event for event in events if '"status":"canceled"' in event.data)
        names = [event.event for event in events]
    assert service.job(job_id)["status"] == "canceled"
    assert set(names) <= {"done"}
