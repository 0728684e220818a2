"""The job-processing part of a worker: everything between job store, engine and object store."""

import threading
from collections.abc import Callable, Sequence

import structlog

from renderq_shared.catalog import ModelEntry
from renderq_shared.errors import StoreUnavailable
from renderq_shared.jobs import commands
from renderq_shared.jobs.claim_records import FenceResult
from renderq_shared.jobs.store import JobStore
from renderq_shared.objects import ObjectStore
from renderq_shared.settings import WorkerSettings
from renderq_shared.tracing import NO_TRACING, Tracing
from renderq_worker.claims.claimed_jobs import ClaimedJobs
from renderq_worker.claims.job_claimer import JobClaimer, JobClaimerSettings
from renderq_worker.claims.lease_renewer import LeaseRenewer
from renderq_worker.engine import EngineProtocol
from renderq_worker.jobs.inputs import InputLoader
from renderq_worker.jobs.job_runner import JobRunner
from renderq_worker.jobs.post_processor import PostProcessor
from renderq_worker.jobs.preview_writer import PreviewWriter
from renderq_worker.jobs.progress_writer import ProgressWriter
from renderq_worker.jobs.running_job import RunningJob, StopReason
from renderq_worker.threads.inflight_operations import InflightOperations
from renderq_worker.threads.object_retries import RETRY_DELAYS_S, ObjectRetries
from renderq_worker.threads.periodic_thread import PeriodicThread

log = structlog.get_logger(__name__)

SHUTDOWN_TIMEOUT_S = 3.0
"""Time that each component gets to shut down."""


class Worker:
    """Claims jobs on `handle_wakeup`, and ends or requeues each of them.

    `forward_wakeup` is called with the model of each wake-up that arrives while no slot is free.
    """

    def __init__(
        self,
        id: str,
        models: Sequence[ModelEntry],
        settings: WorkerSettings,
        store: JobStore,
        objects: ObjectStore,
        engine: EngineProtocol,
        forward_wakeup: Callable[[str], None],
        retry_delays_s: Sequence[float] = RETRY_DELAYS_S,
        on_release: Callable[[str], None] = lambda _model: None,
        tracing: Tracing = NO_TRACING,
    ) -> None:
        """`on_release` is called with the model of each job that is returned to the queue."""
        self.claimed_jobs = claimed_jobs = ClaimedJobs()
        self.operations = InflightOperations()
        self._store = store
        self._engine = engine
        self._on_release = on_release
        self._closing = threading.Event()
        retries = ObjectRetries(self.operations, self._closing, retry_delays_s)
        self._progress = progress = ProgressWriter(store)
        self._post_processor = PostProcessor(
            store,
            objects,
            retries,
            self.operations,
            self._closing,
            on_image_stored=lambda job: progress.schedule(job, at_once=True),
            on_end=claimed_jobs.remove,
            tracing=tracing,
        )
        self._previews = previews = PreviewWriter(store, engine)
        self._inputs = InputLoader(
            store,
            objects,
            retries,
            self.operations,
            self._closing,
            {model.name: model.limits.size_multiple for model in models},
        )
        self._runner = JobRunner(
            store, engine, self._inputs, self._post_processor, progress, previews, on_drop=claimed_jobs.remove
        )
        self._claimer = JobClaimer(
            _job_claimer_settings(settings, id, tuple(model.name for model in models)),
            store,
            engine,
            claimed_jobs,
            self._runner.run,
            forward_wakeup,
        )
        leases = LeaseRenewer(store, claimed_jobs, engine, settings.lease_seconds, self._runner.apply_fence_result)
        self._leases = PeriodicThread("leases", leases.tick)

    def start(self) -> None:
        self._engine.start()
        self._previews.start()
        self._progress.start(self._runner.apply_fence_result, self._previews.request_preview)
        self._leases.start()

    def handle_wakeup(self, model: str) -> None:
        """Claim jobs after a wake-up for `model`; return once all jobs claimed by this call have ended."""
        self._claimer.handle_wakeup(model)

    def can_accept(self) -> bool:
        """Return whether a wake-up is useful here; otherwise it belongs to another worker. Quick."""
        return self._claimer.can_accept()

    def on_slots_freed(self, callback: Callable[[], None]) -> None:
        """Call `callback`, on any thread, when slots may have been freed."""
        self._engine.on_slots_freed(callback)
        self.claimed_jobs.on_change(callback)

    def cancel(self, claim_id: str) -> None:
        """Stop the job of this claim because its owner canceled it. Ignores other workers' claims. Quick."""
        job = self.claimed_jobs.by_claim(claim_id)
        if job is not None:
            self._runner.stop(job, StopReason.CANCELED)

    def stop_claiming(self) -> None:
        """Claim no more jobs; claimed ones continue."""
        self._claimer.close()

    def release_jobs(self) -> None:
        """Requeue all claimed jobs at their old position; nothing more is written for them."""
        self._closing.set()
        for job in self.claimed_jobs.snapshot():
            with job.log_context():
                self._release(job)
        self.claimed_jobs.wait_until_empty(SHUTDOWN_TIMEOUT_S)

    def _release(self, job: RunningJob) -> None:
        self._runner.release(job)
        try:
            result = self._store.call(commands.requeue(job.claim_ref))
        except StoreUnavailable as error:
            log.warning("job.release_failed", reason=str(error))
        else:
            log.info("job.released", result=result.value)
            if result is FenceResult.HELD:
                self._on_release(job.record.model)

    def close(self) -> None:
        """Stop all threads. A job that is still claimed stays so until its lease expires."""
        self._closing.set()
        self._leases.close(SHUTDOWN_TIMEOUT_S)
        self._inputs.close()
        self._engine.close()
        self._progress.close()
        self._previews.close()
        self._post_processor.close()


def _job_claimer_settings(settings: WorkerSettings, id: str, models: tuple[str, ...]) -> JobClaimerSettings:
    return JobClaimerSettings(
        worker_id=id,
        models=models,
        slots=settings.worker_slots,
        lease_ms=round(settings.lease_seconds * 1000),
        switch_after_ms=round(settings.model_switch_after_seconds * 1000),
    )
