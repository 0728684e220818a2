"""A worker in the test process, with a real Valkey, a folder store and a simulated engine."""

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self, cast

from renderq.contract import ModelDefaults, ModelLimits, Status, parse_resolved_request
from renderq_shared.catalog import ModelEntry
from renderq_shared.errors import ObjectStoreUnavailable
from renderq_shared.jobs import JobRecord, JobStore, NewJob, QueueLimits, commands
from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.objects import FolderStore, ObjectStore
from renderq_shared.redis.clients import sync_client
from renderq_shared.settings import WorkerSettings
from renderq_shared.tracing import NO_TRACING, Tracing
from renderq_worker.engine import Event, Failed, GenerationSpec, Rendered, SimulatedEngine
from renderq_worker.process.worker import Worker
from renderq_worker.process.worker_metrics import WorkerMetrics
from tests.polling import TIMEOUT_S, wait_until

TENANT = "default"
MODEL = "noop"

ENTRY = ModelEntry(
    name=MODEL,
    source="nowhere",
    family="stable_diffusion",
    tasks=("txt2img",),
    revision="r1",
    defaults=ModelDefaults(width=64, height=64, steps=4, guidance_scale=2.0),
    limits=ModelLimits(max_side=1024, max_pixels=1024 * 1024),
)


def request_json(**fields: Any) -> str:
    body = {
        "task": "txt2img",
        "prompt": "a",
        "model": MODEL,
        "width": 16,
        "height": 8,
        "steps": 2,
        "guidance_scale": 2.0,
        "seed": 5,
    }
    return json.dumps(parse_resolved_request({**body, **fields}).model_dump(mode="json"))


def submit(
    store: JobStore, job_id: str, text: str | None = None, *, traceparent: str | None = None, **fields: Any
) -> None:
    text = text or request_json(**fields)
    images, model = fields.get("n", 1), fields.get("model", MODEL)
    job = NewJob(job_id, TENANT, "txt2img", model, text, images, cost=1.0, priority=0, max_attempts=3)
    job = replace(job, traceparent=traceparent)
    store.call(commands.submit(job, QueueLimits(10_000, 10_000)))


def get_job(store: JobStore, job_id: str) -> JobRecord:
    found = store.call(commands.get_job(TENANT, job_id))
    assert found is not None
    return found[0]


class FaultyEngine(SimulatedEngine):
    """Fails images whose seed is in `failing_seeds`."""

    failing_seeds: frozenset[int] = frozenset()
    failure_message: str | None = "not a number"

    def submit(self, specs: Sequence[GenerationSpec], listener: Callable[[Event], None]) -> None:
        failing = {spec.id for spec in specs if spec.seed in self.failing_seeds}

        def forward(event: Event) -> None:
            if isinstance(event, Rendered) and event.generation_id in failing:
                event = Failed(event.generation_id, "nan_output", cast(str, self.failure_message), retryable=False)
            listener(event)

        super().submit(specs, forward)


class FlakyFolderStore(FolderStore):
    """Fails the next `refusals` writes, and all writes to keys that contain `refused`."""

    refusals = 0
    refused: str | None = None

    def put(self, key: str, data: bytes, content_type: str) -> None:
        if self.refusals > 0:
            self.refusals -= 1
            raise ObjectStoreUnavailable("the disk is offline")
        if self.refused and self.refused in key:
            raise ObjectStoreUnavailable("the disk rejects it")
        super().put(key, data, content_type)


class WorkerHarness:
    """A worker with its stores and engine. Use as a context manager."""

    def __init__(
        self,
        redis_url: str,
        folder: Path,
        *,
        step_s: float = 0.0,
        store: JobStore | None = None,
        objects: ObjectStore | None = None,
        entry: ModelEntry = ENTRY,
        tracing: Tracing = NO_TRACING,
        **settings: Any,
    ) -> None:
        self.client = sync_client(redis_url)
        self.store = RedisJobStore(self.client)
        self.folder = folder
        self.objects = FlakyFolderStore(folder)
        self.settings = WorkerSettings(**{"redis_url": redis_url, "lease_seconds": 2.0, **settings})
        self.forwarded_wakeups: list[str] = []
        """Models of the wake-ups that were forwarded because no slot was free."""
        self.engine = FaultyEngine([entry], step_s, stall_s=self.settings.stall_seconds)
        self.metrics = metrics = WorkerMetrics(self.settings, "w1", "simulated")
        self.engine.on_operation(metrics.record_operation)
        self.worker = Worker(
            "w1",
            (entry,),
            self.settings,
            metrics.observe_jobs(store or self.store),
            metrics.observe_objects(objects or self.objects),
            self.engine,
            self.forwarded_wakeups.append,
            retry_delays_s=(0.01, 0.01),
            on_release=metrics.record_handback,
            tracing=tracing,
        )
        self._wakes: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self.objects.check()
        self.worker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.worker.stop_claiming()
        self.worker.release_jobs()
        self.worker.close()
        for wake in self._wakes:
            wake.join(TIMEOUT_S)
            assert not wake.is_alive()
        self.client.close()

    def wake(self, times: int = 1) -> None:
        """Handle wake-ups on threads, as Celery does."""
        for _ in range(times):
            thread = threading.Thread(target=self.worker.handle_wakeup, args=(MODEL,))
            self._wakes.append(thread)
            thread.start()

    def join_wakeups(self) -> None:
        """Return once all wake-ups have been handled."""
        for wake in self._wakes:
            wake.join(TIMEOUT_S)
            assert not wake.is_alive()

    def submit(self, job_id: str, **fields: Any) -> None:
        submit(self.store, job_id, **fields)

    def job(self, job_id: str) -> JobRecord:
        return get_job(self.store, job_id)

    def wait_until(self, job_id: str, condition: Callable[[JobRecord], bool]) -> JobRecord:
        return wait_until(
            lambda: (job := self.job(job_id)) and condition(job) and job, f"the expected state of {job_id}"
        )

    def wait_until_ended(self, job_id: str) -> JobRecord:
        return self.wait_until(job_id, lambda job: job.status.is_terminal)

    def wait_until_running(self, job_id: str) -> JobRecord:
        """Wait until the engine has made a step of the job; return the job."""
        return self.wait_until(job_id, lambda job: job.status is Status.RUNNING and progress(job)["step"] > 0)

    def files(self, prefix: str = "jobs") -> list[str]:
        """Return the existing objects, as paths below the prefix."""
        root = self.folder / prefix
        return sorted(str(path.relative_to(root)) for path in root.rglob("*.png"))


def progress(job: JobRecord) -> dict[str, int]:
    return json.loads(job.progress_json or '{"step": 0}')


def outputs(job: JobRecord) -> list[dict[str, Any]]:
    return json.loads(job.outputs_json or "[]")


def error(job: JobRecord) -> dict[str, Any]:
    assert job.error_json is not None
    return json.loads(job.error_json)
