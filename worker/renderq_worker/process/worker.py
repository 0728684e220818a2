"""Everything between the job store and the engine: claims, leases, progress, pictures, ends."""

import threading
from collections.abc import Callable, Sequence

import structlog

from renderq_shared.errors import StoreUnavailable
from renderq_shared.jobs import commands
from renderq_shared.jobs.store import JobStore
from renderq_shared.objects.store import ObjectStore
from renderq_shared.settings.models import WorkerSettings
from renderq_worker.claims.claimed_jobs import ClaimedJobs
from renderq_worker.claims.job_claimer import JobClaimer, JobClaimerSettings
from renderq_worker.claims.lease_renewer import LeaseRenewer
from renderq_worker.engine import EngineProtocol
from renderq_worker.jobs.inputs import InputLoader
from renderq_worker.jobs.job_runner import JobRunner
from renderq_worker.jobs.post_processor import PostProcessor
from renderq_worker.jobs.preview_writer import PreviewWriter
from renderq_worker.jobs.progress_writer import ProgressWriter
from renderq_worker.jobs.running_job import StopReason
from renderq_worker.output import Uploader
from renderq_worker.output.upload import RETRY_DELAYS_S
from renderq_worker.threads.inflight_operations import InflightOperations
from renderq_worker.threads.periodic_thread import PeriodicThread

log = structlog.get_logger(__name__)

_SHUTDOWN_TIMEOUT_S = 3.0
"""Time that one part gets to end."""


class Worker:
    """Takes jobs when `serve` is called, and brings each of them to an end or back into the queue.

    `forward_wakeup` is told the model of each wake-up that came while there was no room.
    """

    def __init__(
        self,
        id: str,
        models: tuple[str, ...],
        settings: WorkerSettings,
        store: JobStore,
        objects: ObjectStore,
        engine: EngineProtocol,
        forward_wakeup: Callable[[str], None],
        upload_retry_delays_s: Sequence[float] = RETRY_DELAYS_S,
    ) -> None:
        self.claimed_jobs = held = ClaimedJobs()
        self.operations = InflightOperations()
        self._store = store
        self._engine = engine
        self._closing = threading.Event()
        self._writer = writer = ProgressWriter(store)
        self._finisher = PostProcessor(
            store,
            objects,
            Uploader(objects, self.operations, self._closing, upload_retry_delays_s),
            self.operations,
            self._closing,
            on_image_stored=lambda job: writer.schedule(job, at_once=True),
            on_end=held.remove,
        )
        self._previews = previews = PreviewWriter(store, engine)
        self._inputs = InputLoader(store, objects, self.operations, self._closing, upload_retry_delays_s)
        self._runner = JobRunner(engine, self._inputs, self._finisher, writer, previews)
        self._slots = JobClaimer(
            _job_claimer_settings(settings, id, models), store, engine, held, self._runner.run, forward_wakeup
        )
        leases = LeaseRenewer(store, held, engine, settings.lease_seconds, self._runner.apply_fence_result)
        self._leases = PeriodicThread("leases", leases.tick)

    def start(self) -> None:
        self._engine.start()
        self._previews.start()
        self._writer.start(self._runner.apply_fence_result, self._previews.request_preview)
        self._leases.start()

    def handle_wakeup(self, model: str) -> None:
        """A wake-up: there may be jobs for this model. Returns once this call holds no job any more."""
        self._slots.handle_wakeup(model)

    def can_accept(self) -> bool:
        """Whether a wake-up can be of use here; otherwise it is for another worker. Quick."""
        return self._slots.can_accept()

    def on_slots_freed(self, callback: Callable[[], None]) -> None:
        """Call this, on whatever thread, when there may be room that was not there before."""
        self._engine.on_slots_freed(callback)
        self.claimed_jobs.on_change(callback)

    def cancel(self, claim_id: str) -> None:
        """The owner of the job behind this claim wants it stopped; claims that are not ours are ignored. Quick."""
        job = self.claimed_jobs.by_claim(claim_id)
        if job is not None:
            self._runner.stop(job, StopReason.CANCELED)

    def stop_claiming(self) -> None:
        """From now on no job is taken; those that are held go on."""
        self._slots.close()

    def release_jobs(self) -> None:
        """Jobs that are still held go back into the queue, at their old place; nothing more is written for them."""
        self._closing.set()
        for job in self.claimed_jobs.snapshot():
            self._runner.stop(job, StopReason.LOST)
            try:
                verdict = self._store.call(commands.requeue(job.claim_ref))
            except StoreUnavailable as error:
                log.warning("not_handed_back", job=job.claim_ref.job_id, reason=str(error))
            else:
                log.info("job_handed_back", job=job.claim_ref.job_id, verdict=verdict.value)
        self.claimed_jobs.wait_until_empty(_SHUTDOWN_TIMEOUT_S)

    def close(self) -> None:
        """End all threads. Nothing may be held, or it is abandoned to its lease."""
        self._closing.set()
        self._leases.close(_SHUTDOWN_TIMEOUT_S)
        self._inputs.close()
        self._engine.close()
        self._writer.close()
        self._previews.close()
        self._finisher.close()


def _job_claimer_settings(settings: WorkerSettings, id: str, models: tuple[str, ...]) -> JobClaimerSettings:
    return JobClaimerSettings(
        worker_id=id,
        models=models,
        slots=settings.worker_slots,
        lease_ms=round(settings.lease_seconds * 1000),
        switch_after_ms=round(settings.model_switch_after_seconds * 1000),
    )
