"""`renderq.testing.FakeService` and the real service look the same to a client."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from renderq import APIError, Client, RequestParams
from renderq.testing import FakeService
from tests.system.service import Service

pytestmark = pytest.mark.system


def code_of(call: Callable[[], object]) -> tuple[int, str | None, list[str]]:
    """Status, code and pointers of the error that a call raises."""
    with pytest.raises(APIError) as caught:
        call()
    problem = caught.value.problem
    return caught.value.status, caught.value.code, [error.pointer for error in problem.errors] if problem else []


def observe(url: str) -> dict[str, Any]:
    """Use a service, and collect everything that must not depend on which one it is."""
    with Client(url) as client:
        fields = RequestParams(seed=7, n=2, width=64, height=64, metadata={"a": "b"})
        handle = client.submit("a red circle", idempotency_key="story", **fields)
        events = list(handle.events())
        done = handle.job
        asset = client.assets.upload(handle.images[0].bytes())
        small = client.run("a ring", image=asset, width=64, height=64)
        unknown_asset = "asset_" + "0" * 64
        return {
            "status": [events[0].name, events[-1].name, done.status, done.stage],
            "versions grow": [event.job.version for event in events] == sorted(event.job.version for event in events),
            "fields": sorted(name for name, value in done.request.items() if value is not None),
            "seeds": [output.seed for output in done.outputs],
            "progress": (done.progress.value, done.progress.images_done, done.progress.images_total),
            "types": [output.content_type for output in done.outputs],
            "asset": (
                asset.width,
                asset.height,
                asset.content_type,
                client.assets.get(asset.id).sha256 == asset.sha256,
            ),
            "img2img": (small.task, small.outputs[0].width, small.request["image"] == asset.id),
            "same key": client.submit("a red circle", idempotency_key="story", **fields).id == handle.id,
            "other request": code_of(lambda: client.submit("a dog", idempotency_key="story")),
            "invalid": code_of(lambda: client.submit("a cat", steps=1_000)),
            "unknown model": code_of(lambda: client.submit("a cat", model="none")),
            "unknown asset": code_of(lambda: client.submit("a cat", image=unknown_asset)),
            "unknown job": code_of(lambda: client.job("job_none")),
            "not an image": code_of(lambda: client.assets.upload(b"text")),
            "retry": code_of(handle.retry),
            "cancel": handle.cancel().status,
            "listed": [job.id for job in client.jobs.list(page_size=1)] == [small.id, handle.id],
            "filtered": [job.id for job in client.jobs.list(task="img2img")] == [small.id],
            "delete": (handle.delete(), code_of(handle.status)),
            "workers": len(client.workers.list()),
            "stats": (client.stats().queued_jobs, client.stats().workers),
        }


def test_a_client_cannot_distinguish_the_fake_from_the_real_service(tmp_path: Path) -> None:
    with FakeService() as fake, Service(tmp_path, env={"RENDERQ_DEVICE": "simulated"}) as service:
        assert observe(fake.url) == observe(service.url)
