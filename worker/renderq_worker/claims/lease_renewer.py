"""Keeps the leases of all held jobs, for as long as the engine is alive and not stalled."""

import time
from collections.abc import Callable

import structlog

from renderq_shared.errors import StoreUnavailable
from renderq_shared.jobs import commands
from renderq_shared.jobs.records import FenceResult
from renderq_shared.jobs.store import JobStore
from renderq_worker.claims.claimed_jobs import ClaimedJobs
from renderq_worker.engine import EngineProtocol
from renderq_worker.jobs.running_job import RunningJob

log = structlog.get_logger(__name__)

_PER_LEASE = 3
"""Renewals per lease: two may fail before a job is lost."""
_RETRY_DELAY_S = 1.0


class LeaseRenewer:
    """One call renews everything; run by a ticker. A worker that hangs loses its jobs because this falls silent."""

    def __init__(
        self,
        store: JobStore,
        held: ClaimedJobs,
        engine: EngineProtocol,
        lease_s: float,
        on_fence_result: Callable[[RunningJob, FenceResult], None],
    ) -> None:
        self._store = store
        self._held = held
        self._engine = engine
        self._lease_s = lease_s
        self._on_fence_result = on_fence_result

    def tick(self) -> float:
        """Renew; the pause until the next time, in seconds."""
        pause_s = self._lease_s / _PER_LEASE
        jobs = self._held.snapshot()
        health = self._engine.health
        if not health.is_alive or health.is_stalled(time.monotonic()):
            log.error("leases_not_renewed", stage=health.stage, jobs=len(jobs))
        elif jobs:
            try:
                verdicts = self._store.call(
                    commands.renew([job.claim_ref for job in jobs], round(self._lease_s * 1000))
                )
            except StoreUnavailable as error:
                log.warning("leases_not_renewed", reason=str(error), jobs=len(jobs))
                return min(pause_s, _RETRY_DELAY_S)
            for job, verdict in zip(jobs, verdicts, strict=True):
                self._on_fence_result(job, verdict)
        return pause_s
