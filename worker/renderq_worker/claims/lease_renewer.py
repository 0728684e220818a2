"""Renews the leases of all claimed jobs while the engine is alive and not stalled."""

import time
from collections.abc import Callable

import structlog

from renderq_shared.errors import StoreUnavailable
from renderq_shared.jobs import commands
from renderq_shared.jobs.claim_records import FenceResult
from renderq_shared.jobs.store import JobStore
from renderq_shared.outage import Outage
from renderq_worker.claims.claimed_jobs import ClaimedJobs
from renderq_worker.engine import EngineProtocol
from renderq_worker.jobs.running_job import RunningJob

log = structlog.get_logger(__name__)

_RENEWALS_PER_LEASE = 3
"""Two renewals may fail before a lease expires."""
_RETRY_DELAY_S = 1.0


class LeaseRenewer:
    """Renews all leases in one call per tick. A worker that hangs stops renewing and so loses its jobs."""

    def __init__(
        self,
        store: JobStore,
        claimed_jobs: ClaimedJobs,
        engine: EngineProtocol,
        lease_s: float,
        on_fence_result: Callable[[RunningJob, FenceResult], None],
    ) -> None:
        self._store = store
        self._claimed_jobs = claimed_jobs
        self._engine = engine
        self._lease_s = lease_s
        self._on_fence_result = on_fence_result
        self._outage = Outage()

    def tick(self) -> float:
        """Renew all leases; return the delay until the next tick, in seconds."""
        interval_s = self._lease_s / _RENEWALS_PER_LEASE
        jobs = self._claimed_jobs.snapshot()
        health = self._engine.health
        if not health.is_alive or health.is_stalled(time.monotonic()):
            log.error("leases.renewal_suspended", stage=health.stage, jobs=len(jobs))
        elif jobs:
            try:
                claim_refs = [job.claim_ref for job in jobs]
                results = self._store.call(commands.renew(claim_refs, round(self._lease_s * 1000)))
            except StoreUnavailable as error:
                if self._outage.has_new_cause(error):
                    log.warning("leases.renewal_failed", reason=str(error), jobs=len(jobs))
                return min(interval_s, _RETRY_DELAY_S)
            self._outage.end()
            for job, result in zip(jobs, results, strict=True):
                self._on_fence_result(job, result)
        return interval_s
