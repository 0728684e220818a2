"""Previews are made only while a job has viewers."""

import io
import json
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import redis
from PIL import Image

from renderq.contract import Preview, Status
from renderq_shared.jobs import Candidate, ClaimRequest, Command, commands
from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.redis.clients import sync_client
from renderq_worker.engine import Previewed
from renderq_worker.jobs.preview_writer import PreviewWriter
from renderq_worker.jobs.running_job import RunningJob, StopReason
from renderq_worker.output.preview_encoding import encode_preview
from tests.polling import wait_until
from tests.worker.conftest import NewHarness
from tests.worker.worker_harness import ENTRY, MODEL, FaultyEngine, WorkerHarness, get_job, submit


@contextmanager
def viewing(client: redis.Redis, job_id: str) -> Iterator[Callable[[], Preview]]:
    """Subscribe to a job's previews; yield a function that waits for the next one."""
    with client.pubsub(ignore_subscribe_messages=True) as pubsub:
        pubsub.subscribe(f"rq:previews:{job_id}")

        def preview() -> Preview:
            message = wait_until(partial(pubsub.get_message, timeout=1), "a preview")
            return Preview.model_validate_json(message["data"])

        yield preview


@pytest.fixture
def requested(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Generation ids for which previews were requested."""
    ids: list[str] = []
    preview = FaultyEngine.preview

    def record(engine: FaultyEngine, generation_ids: Collection[str]) -> None:
        ids.extend(generation_ids)
        preview(engine, generation_ids)

    monkeypatch.setattr(FaultyEngine, "preview", record)
    return ids


def version_grows(harness: WorkerHarness, job_id: str, by: int) -> None:
    version = harness.job(job_id).version + by
    harness.wait_until(job_id, lambda job: job.version >= version)


def test_viewers_see_a_preview_of_every_image(new_harness: NewHarness) -> None:
    harness = new_harness(step_s=0.05)
    harness.submit("job", n=2, width=64, height=32, steps=150)
    with viewing(harness.client, "job") as preview:
        harness.wake()
        seen = [preview() for _ in range(4)]
    assert {each.index for each in seen} == {0, 1}
    assert all((each.content_type, each.width, each.height, each.steps) == ("image/jpeg", 8, 4, 150) for each in seen)
    image = Image.open(io.BytesIO(seen[0].data))
    assert (image.format, image.size) == ("JPEG", (8, 4))
    harness.worker.cancel(str(harness.job("job").claim_id))


def test_no_previews_are_made_without_viewers(new_harness: NewHarness, requested: list[str]) -> None:
    harness = new_harness(step_s=0.02)
    harness.submit("seen", steps=150)
    harness.submit("unseen", steps=150)
    with viewing(harness.client, "seen") as preview:
        harness.wake(2)
        preview()
        assert set(requested) == {"seen/1/0"}
    version_grows(harness, "seen", 2)  # a request may have been on its way when the last viewer left
    before = len(requested)
    assert harness.wait_until_ended("seen").status is harness.wait_until_ended("unseen").status is Status.SUCCEEDED
    assert len(requested) == before


def test_a_job_that_is_claimed_again_is_shown_again(new_harness: NewHarness) -> None:
    first = new_harness(step_s=0.05)
    first.submit("job", steps=150)
    with viewing(first.client, "job") as preview:
        first.wake()
        preview()
    first.worker.stop_claiming()
    first.worker.release_jobs()
    second = new_harness(step_s=0.05)
    second.wake()
    second.wait_until("job", lambda job: job.attempt == 2)
    with viewing(first.client, "job") as preview:
        preview()
    second.worker.cancel(str(second.job("job").claim_id))


class GatedStore(RedisJobStore):
    """Publishes nothing until the gate is open."""

    def __init__(self, client: redis.Redis) -> None:
        super().__init__(client)
        self.gate, self.waiting = threading.Event(), threading.Event()
        self.published: list[tuple[int, int]] = []

    def call(self, command: Command[Any]) -> Any:
        if command.name != "publish_preview":
            return super().call(command)
        self.waiting.set()
        assert self.gate.wait(60)
        preview: dict[str, Any] = json.loads(command.params[1])
        self.published.append((preview["index"], preview["step"]))
        return True


@pytest.fixture
def store(redis_url: str) -> Iterator[GatedStore]:
    with sync_client(redis_url) as client:
        yield GatedStore(client)


@pytest.fixture
def job(store: GatedStore) -> RunningJob:
    submit(store, "job", n=2)
    request = ClaimRequest("claim", "w1", 60_000, (Candidate(MODEL, resident=True),), True, 0)
    record = store.call(commands.claim(request))
    assert record is not None
    return RunningJob(record, "claim")


def previewed(job: RunningJob, index: int, step: int) -> Previewed:
    return Previewed(job.generation_ids[index], step, 9, np.zeros((4, 8, 3), np.uint8))


def test_only_the_newest_of_an_image_waits_and_none_of_a_job_that_stops(store: GatedStore, job: RunningJob) -> None:
    writer = PreviewWriter(store, FaultyEngine([ENTRY], 0.0, 1.0))
    writer.start()
    writer.publish(job, previewed(job, 0, 1))
    assert store.waiting.wait(60)
    for step in (2, 3, 4):
        writer.publish(job, previewed(job, 0, step))
        writer.publish(job, previewed(job, 1, step))
    store.gate.set()
    wait_until(lambda: len(store.published) == 3)
    job.request_stop(StopReason.CANCELED)
    writer.publish(job, previewed(job, 0, 5))
    wait_until(lambda: not writer._pending)
    writer.close()
    assert store.published == [(0, 1), (0, 4), (1, 4)]
    assert get_job(store, "job").status is Status.RUNNING


def test_at_most_two_a_second_are_requested(
    store: GatedStore, job: RunningJob, requested: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1_000.0]
    monkeypatch.setattr("renderq_worker.jobs.preview_writer.time", SimpleNamespace(monotonic=lambda: now[0]))
    writer = PreviewWriter(store, FaultyEngine([ENTRY], 0.0, 1.0))
    for _ in range(50):  # ten seconds
        writer.request_preview(job)
        now[0] += 0.2
    assert len(requested) == 2 * 17
    job.request_stop(StopReason.CANCELED)
    writer.request_preview(job)
    assert len(requested) == 2 * 17


@pytest.mark.parametrize("noise", [0, 1])
def test_files_are_small(noise: int) -> None:
    loud = np.random.default_rng(0).integers(0, 2, (256, 256, 3), dtype=np.uint8) * 255 * noise
    data = encode_preview(loud.astype(np.uint8))
    assert len(data) <= 32 * 1024
    assert Image.open(io.BytesIO(data)).size == (256, 256)
