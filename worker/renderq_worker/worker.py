"""Everything between the job store and the engine: claims, leases, progress, pictures, ends."""

import threading
from collections.abc import Callable, Sequence

import structlog

from renderq_shared.errors import StoreUnavailable
from renderq_shared.jobs.protocol import JobStore
from renderq_shared.objects.protocol import ObjectStore
from renderq_shared.settings import WorkerSettings
from renderq_worker.engine_port import EnginePort
from renderq_worker.finisher import Finisher
from renderq_worker.held_jobs import HeldJobs
from renderq_worker.inputs import Inputs
from renderq_worker.job_runner import JobRunner
from renderq_worker.lease_keeper import LeaseKeeper
from renderq_worker.operations import Operations
from renderq_worker.output import Uploader
from renderq_worker.output.upload import PAUSES_S
from renderq_worker.preview_writer import PreviewWriter
from renderq_worker.progress_writer import ProgressWriter
from renderq_worker.running_job import Stop
from renderq_worker.slots import Slots, SlotSettings
from renderq_worker.ticker import Ticker

log = structlog.get_logger(__name__)

_PART_S = 3.0
"""Time that one part gets to end."""


class Worker:
    """Takes jobs when `serve` is called, and brings each of them to an end or back into the queue.

    `pass_on` is told the model of each wake-up that came while there was no room.
    """

    def __init__(
        self,
        id: str,
        models: tuple[str, ...],
        settings: WorkerSettings,
        store: JobStore,
        objects: ObjectStore,
        engine: EnginePort,
        pass_on: Callable[[str], None],
        upload_pauses_s: Sequence[float] = PAUSES_S,
    ) -> None:
        self.held = held = HeldJobs()
        self.operations = Operations()
        self._store = store
        self._engine = engine
        self._closing = threading.Event()
        self._writer = writer = ProgressWriter(store)
        self._finisher = Finisher(
            store,
            objects,
            Uploader(objects, self.operations, self._closing, upload_pauses_s),
            self.operations,
            self._closing,
            on_picture=lambda job: writer.tell(job, at_once=True),
            on_end=held.remove,
        )
        self._previews = previews = PreviewWriter(store, engine)
        self._inputs = Inputs(store, objects, self.operations, self._closing, upload_pauses_s)
        self._runner = JobRunner(engine, self._inputs, self._finisher, writer, previews)
        self._slots = Slots(_slot_settings(settings, id, models), store, engine, held, self._runner.run, pass_on)
        leases = LeaseKeeper(store, held, engine, settings.lease_seconds, self._runner.heed)
        self._leases = Ticker("leases", leases.tick)

    def start(self) -> None:
        self._engine.start()
        self._previews.start()
        self._writer.start(self._runner.heed, self._previews.want)
        self._leases.start()

    def serve(self, model: str) -> None:
        """A wake-up: there may be jobs for this model. Returns once this call holds no job any more."""
        self._slots.serve(model)

    def has_room(self) -> bool:
        """Whether a wake-up can be of use here; otherwise it is for another worker. Quick."""
        return self._slots.has_room()

    def on_room(self, callback: Callable[[], None]) -> None:
        """Call this, on whatever thread, when there may be room that was not there before."""
        self._engine.on_room(callback)
        self.held.on_change(callback)

    def cancel(self, claim_id: str) -> None:
        """The owner of the job behind this claim wants it stopped; claims that are not ours are ignored. Quick."""
        job = self.held.by_claim(claim_id)
        if job is not None:
            self._runner.stop(job, Stop.CANCELED)

    def stop_claiming(self) -> None:
        """From now on no job is taken; those that are held go on."""
        self._slots.close()

    def hand_back(self) -> None:
        """Jobs that are still held go back into the queue, at their old place; nothing more is written for them."""
        self._closing.set()
        for job in self.held.snapshot():
            self._runner.stop(job, Stop.LOST)
            try:
                verdict = self._store.requeue(job.held)
            except StoreUnavailable as error:
                log.warning("not_handed_back", job=job.held.job_id, reason=str(error))
            else:
                log.info("job_handed_back", job=job.held.job_id, verdict=verdict.value)
        self.held.wait_until_empty(_PART_S)

    def close(self) -> None:
        """End all threads. Nothing may be held, or it is abandoned to its lease."""
        self._closing.set()
        self._leases.close(_PART_S)
        self._inputs.close()
        self._engine.close()
        self._writer.close()
        self._previews.close()
        self._finisher.close()


def _slot_settings(settings: WorkerSettings, id: str, models: tuple[str, ...]) -> SlotSettings:
    return SlotSettings(
        worker_id=id,
        models=models,
        slots=settings.worker_slots,
        lease_ms=round(settings.lease_seconds * 1000),
        switch_after_ms=round(settings.switch_after_seconds * 1000),
    )
