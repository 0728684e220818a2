"""One worker process: its parts, brought up in order and taken down in order."""

import os
import threading
import time
from collections.abc import Sequence

import structlog
from redis import Redis

from renderq_shared.catalog import ModelEntry
from renderq_shared.errors import StoreUnavailable
from renderq_shared.jobs import RedisJobStore
from renderq_shared.jobs.changes import CancelListener
from renderq_shared.objects.protocol import ObjectStore
from renderq_shared.settings import WorkerSettings
from renderq_shared.wakeups import queue_name
from renderq_worker.consumer import Consumer
from renderq_worker.engine_port import EnginePort
from renderq_worker.finisher import Finisher
from renderq_worker.held_jobs import HeldJobs
from renderq_worker.job_runner import JobRunner
from renderq_worker.lease_keeper import LeaseKeeper
from renderq_worker.opening import device_name
from renderq_worker.operations import Operations
from renderq_worker.output import Uploader
from renderq_worker.output.upload import PAUSES_S
from renderq_worker.progress_writer import ProgressWriter
from renderq_worker.registration import Registration, worker_id
from renderq_worker.running_job import Stop
from renderq_worker.signals import StopSignals
from renderq_worker.slots import Slots, SlotSettings
from renderq_worker.ticker import Ticker
from renderq_worker.watchdog import HUNG, Watchdog

log = structlog.get_logger(__name__)

_LOOK_S = 0.2
"""How often the main thread looks whether it is done while it waits for signals."""
_PART_S = 3.0
"""Time that one part gets to end."""
_LAST_RESORT_S = 10.0
"""Time that all parts get to end, once nothing is held any more."""


class WorkerProcess:
    """Everything between Redis and the engine. `run` returns the exit code."""

    def __init__(
        self,
        settings: WorkerSettings,
        entries: Sequence[ModelEntry],
        client: Redis,
        objects: ObjectStore,
        engine: EnginePort,
    ) -> None:
        self.id = worker_id(settings.worker_name)
        self._settings = settings
        self._client = client
        self._engine = engine
        self._device = device_name(settings)
        self._models = tuple(entry.name for entry in entries)
        self._store = store = RedisJobStore(client, queue_name)
        self._held = held = HeldJobs()
        self._closing = threading.Event()
        operations = Operations()
        self._writer = writer = ProgressWriter(store)
        self._finisher = Finisher(
            store,
            objects,
            Uploader(objects, operations, self._closing, PAUSES_S),
            operations,
            self._closing,
            on_picture=lambda job: writer.tell(job, at_once=True),
            on_end=held.remove,
        )
        self._runner = JobRunner(engine, self._finisher, writer)
        self._slots = Slots(_slot_settings(settings, self.id, self._models), store, engine, held, self._runner.run)
        self._registration = Registration(store, self.id, self._device, self._models, engine, held)
        leases = LeaseKeeper(store, held, engine, settings.lease_seconds, self._runner.heed)
        watchdog = Watchdog(engine, operations, settings.stall_seconds)
        self._lease_ticker = Ticker("leases", leases.tick)
        self._register_ticker = Ticker("registration", self._registration.tick)
        self._watchdog_ticker = Ticker("watchdog", watchdog.tick)
        self._consumer = Consumer(
            settings.redis_url, self._models, self.id, settings.worker_slots, on_wake=self._slots.serve
        )

    def run(self, signals: StopSignals) -> int:
        """Work until a signal; the second one ends the draining."""
        self._start()
        log.info("worker ready", worker=self.id, models=list(self._models), device=self._device)
        while not signals.wait(_LOOK_S):
            if not self._consumer.is_alive:
                log.critical("worker_ends", reason="the consumer of wake-ups has died", exit_code=HUNG)
                return HUNG
        self._drain(signals)
        return 0

    def _start(self) -> None:
        self._engine.start()
        self._writer.start(self._runner.heed)
        self._watchdog_ticker.start()
        self._lease_ticker.start()
        self._cancels = CancelListener(self._client, self._on_cancel)
        self._registration.tick()
        self._register_ticker.start()
        self._consumer.start()

    def _on_cancel(self, _job_id: str, claim_id: str) -> None:
        job = self._held.by_claim(claim_id)
        if job is not None:
            self._runner.stop(job, Stop.CANCELED)

    def _drain(self, signals: StopSignals) -> None:
        """Claim nothing more, let jobs end for a while, hand back the rest, and leave."""
        end = time.monotonic() + self._settings.drain_seconds
        log.info("worker draining", jobs=len(self._held), seconds=self._settings.drain_seconds)
        self._registration.drain()
        self._register_ticker.poke()
        self._slots.close()
        while self._held and time.monotonic() < end:
            if signals.wait(_LOOK_S):
                break
        self._hand_back()
        threading.Thread(target=_last_resort, name="last resort", daemon=True).start()
        self._close()
        log.info("worker stopped", worker=self.id)

    def _hand_back(self) -> None:
        """Jobs that are still running go back into the queue, at their old place."""
        self._closing.set()
        for job in self._held.snapshot():
            self._runner.stop(job, Stop.LOST)
            try:
                verdict = self._store.requeue(job.held)
            except StoreUnavailable as error:
                log.warning("not_handed_back", job=job.held.job_id, reason=str(error))
            else:
                log.info("job_handed_back", job=job.held.job_id, verdict=verdict.value)
        self._held.wait_until_empty(_PART_S)

    def _close(self) -> None:
        self._consumer.close(_PART_S)
        self._register_ticker.close(_PART_S)
        self._registration.leave()
        self._lease_ticker.close(_PART_S)
        self._watchdog_ticker.close(_PART_S)
        self._cancels.close()
        self._engine.close()
        self._writer.close()
        self._finisher.close()


def _slot_settings(settings: WorkerSettings, id: str, models: tuple[str, ...]) -> SlotSettings:
    return SlotSettings(
        worker_id=id,
        models=models,
        slots=settings.worker_slots,
        lease_ms=round(settings.lease_seconds * 1000),
        switch_after_ms=round(settings.switch_after_seconds * 1000),
    )


def _last_resort() -> None:
    """An operation that cannot be interrupted must not keep a process whose jobs are handed back."""
    time.sleep(_LAST_RESORT_S)
    log.warning("worker_ends", reason="not everything ended in time; nothing is held")
    os._exit(0)
