"""Registers this worker in the store: that it is alive, which models it serves and which are in memory."""

import socket
from collections.abc import Callable
from secrets import token_hex

import structlog

from renderq_shared.errors import StoreUnavailable
from renderq_shared.jobs import commands
from renderq_shared.jobs.records import WorkerRecord
from renderq_shared.jobs.store import JobStore
from renderq_shared.outage import Outage
from renderq_worker.claims.claimed_jobs import ClaimedJobs
from renderq_worker.engine import EngineProtocol
from renderq_worker.metrics import WorkerGauges
from renderq_worker.process.resident_memory import resident_bytes

log = structlog.get_logger(__name__)

_INTERVAL_S = 5.0
_TTL_S = 3 * _INTERVAL_S
_RETRY_DELAY_S = 1.0


def resolve_worker_id(name: str | None) -> str:
    """Return the configured name, or the host name with a random suffix."""
    return name or f"{socket.gethostname()}-{token_hex(3)}"


class WorkerHeartbeat:
    """Refreshes the worker's entry in the list of workers on every tick."""

    def __init__(
        self,
        store: JobStore,
        id: str,
        device: str,
        models: tuple[str, ...],
        engine: EngineProtocol,
        claimed_jobs: ClaimedJobs,
        on_drain: Callable[[], None],
    ) -> None:
        """`on_drain` is called once, after `drain_worker` for this worker."""
        self._store = store
        self._id = id
        self._device = device
        self._models = models
        self._engine = engine
        self._claimed_jobs = claimed_jobs
        self._on_drain = on_drain
        self._run_id = token_hex(8)
        self._is_draining = False
        self._outage = Outage()

    def drain(self) -> None:
        """Report from the next tick on that the worker accepts no more jobs."""
        self._is_draining = True

    def gauges(self) -> WorkerGauges:
        """Return the state of the worker for its metrics."""
        memory = self._engine.device_memory()
        return WorkerGauges(
            slots_used=len(self._claimed_jobs),
            is_draining=self._is_draining,
            resident_models=self._engine.resident_models(),
            memory_used_bytes=memory.used if memory else None,
            memory_total_bytes=memory.total if memory else None,
        )

    def tick(self) -> float:
        """Register; return the delay until the next tick, in seconds."""
        device_memory = self._engine.device_memory()
        record = WorkerRecord(
            id=self._id,
            device=self._device,
            models=self._models,
            resident_models=self._engine.resident_models(),
            resident_loras=dict(self._engine.resident_loras()),
            jobs=len(self._claimed_jobs),
            draining=self._is_draining,
            started_ms=0,  # the store sets both times
            seen_ms=0,
            run_id=self._run_id,
            memory_bytes=resident_bytes(),
            device_memory_used_bytes=device_memory.used if device_memory else None,
            device_memory_total_bytes=device_memory.total if device_memory else None,
        )
        try:
            is_told_to_drain = self._store.call(commands.register(record, round(_TTL_S * 1000)))
        except StoreUnavailable as error:
            if self._outage.has_new_cause(error):
                log.warning("worker.registration_failed", worker=self._id, reason=str(error))
            return _RETRY_DELAY_S
        self._outage.end()
        if is_told_to_drain and not self._is_draining:
            self.drain()
            self._on_drain()
        return _INTERVAL_S

    def deregister(self) -> None:
        """Remove the entry. If the store does not respond, the entry expires."""
        try:
            self._store.call(commands.unregister(self._id))
        except StoreUnavailable as error:
            log.warning("worker.deregistration_failed", worker=self._id, reason=str(error))
