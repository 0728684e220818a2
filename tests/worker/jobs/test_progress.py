"""Progress is written at a limited rate, as complete snapshots, and never on the engine's thread."""

import json
import threading
import time
from typing import Any

from renderq.contract import Status
from renderq_shared.errors import StoreUnavailable
from renderq_shared.jobs import Command, JobUpdate
from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.redis.clients import sync_client
from tests.worker.conftest import NewHarness
from tests.worker.worker_harness import outputs


class WatchedStore(RedisJobStore):
    """Records progress writes and their threads; fails the next `refusals`."""

    refusals = 0

    def __init__(self, redis_url: str) -> None:
        super().__init__(sync_client(redis_url))
        self.written: list[JobUpdate] = []
        self.threads: set[str] = set()

    def call(self, command: Command[Any]) -> Any:
        if command.name != "progress":
            return super().call(command)
        self.threads.add(threading.current_thread().name)
        if self.refusals > 0:
            self.refusals -= 1
            raise StoreUnavailable("Redis is down")
        self.written.append(command.params[1])
        return super().call(command)


def test_steps_are_written_at_most_every_200_ms(new_harness: NewHarness, redis_url: str) -> None:
    store = WatchedStore(redis_url)
    harness = new_harness(step_s=0.01, store=store)
    harness.submit("job", steps=100)
    started = time.monotonic()
    harness.wake()
    assert harness.wait_until_ended("job").status is Status.SUCCEEDED
    stages = 4
    assert len(store.written) <= (time.monotonic() - started) / 0.2 + stages
    assert store.threads == {"progress"}


def test_every_write_is_a_complete_snapshot_that_never_goes_back(new_harness: NewHarness, redis_url: str) -> None:
    store = WatchedStore(redis_url)
    harness = new_harness(step_s=0.02, store=store)
    harness.submit("job", n=2, steps=50)
    harness.wake()
    harness.wait_until_ended("job")
    texts = [update.progress_json for update in store.written]
    assert None not in texts
    steps = [progress_of(text or "") for text in texts]
    assert steps == sorted(steps)
    assert {total for _, total in steps} == {100}


def progress_of(text: str) -> tuple[int, int]:
    parsed = json.loads(text)
    return parsed["step"], parsed["steps"]


def test_a_new_stage_is_written_without_waiting(new_harness: NewHarness) -> None:
    harness = new_harness(step_s=5.0)
    harness.submit("job", steps=2)
    harness.wake()
    harness.wait_until("job", lambda job: job.stage == "encoding")


def test_the_latest_progress_arrives_after_the_store_was_away(new_harness: NewHarness, redis_url: str) -> None:
    store = WatchedStore(redis_url)
    store.refusals = 1
    harness = new_harness(step_s=0.05, store=store)
    harness.submit("job", steps=100)
    harness.wake()
    job = harness.wait_until_running("job")
    assert store.refusals == 0
    assert outputs(job) == []
