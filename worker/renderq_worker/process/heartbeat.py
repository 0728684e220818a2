"""Tells the store that this worker lives, what it serves and what it has in memory."""

import socket
from secrets import token_hex

import structlog

from renderq_shared.errors import StoreUnavailable
from renderq_shared.jobs import commands
from renderq_shared.jobs.records import WorkerRecord
from renderq_shared.jobs.store import JobStore
from renderq_worker.claims.claimed_jobs import ClaimedJobs
from renderq_worker.engine import EngineProtocol

log = structlog.get_logger(__name__)

_EVERY_S = 5.0
_TTL_S = 3 * _EVERY_S
_RETRY_DELAY_S = 1.0


def resolve_worker_id(name: str | None) -> str:
    """The given name, else one that no other worker has."""
    return name or f"{socket.gethostname()}-{token_hex(3)}"


class WorkerHeartbeat:
    """One worker's entry in the list of workers; refreshed by a ticker."""

    def __init__(
        self, store: JobStore, id: str, device: str, models: tuple[str, ...], engine: EngineProtocol, held: ClaimedJobs
    ) -> None:
        self._store = store
        self._id = id
        self._device = device
        self._models = models
        self._engine = engine
        self._held = held
        self._draining = False

    def drain(self) -> None:
        """From the next tick on, say that no more jobs are taken."""
        self._draining = True

    def tick(self) -> float:
        """Register; the pause until the next time, in seconds."""
        record = WorkerRecord(
            id=self._id,
            device=self._device,
            models=self._models,
            resident_models=self._engine.resident_models(),
            jobs=len(self._held),
            draining=self._draining,
            started_ms=0,  # both are kept by the store
            seen_ms=0,
        )
        try:
            self._store.call(commands.register(record, round(_TTL_S * 1000)))
        except StoreUnavailable as error:
            log.warning("not_registered", reason=str(error))
            return _RETRY_DELAY_S
        return _EVERY_S

    def deregister(self) -> None:
        """Say goodbye; without an answer the entry ends by itself."""
        try:
            self._store.call(commands.unregister(self._id))
        except StoreUnavailable as error:
            log.warning("not_unregistered", reason=str(error))
