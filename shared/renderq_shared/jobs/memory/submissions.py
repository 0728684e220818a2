"""Submission to the in-memory store: single jobs and batches, once per idempotency key."""

from collections.abc import Callable
from dataclasses import replace

from renderq_shared.jobs.batch_records import BatchQueue, BatchResult, NewBatch
from renderq_shared.jobs.lifetimes import IDEMPOTENCY_KEY_TTL_MS
from renderq_shared.jobs.memory.assets import AssetTable
from renderq_shared.jobs.memory.jobs import JobTable
from renderq_shared.jobs.memory.positions import Positions
from renderq_shared.jobs.memory.purges import PurgeTable
from renderq_shared.jobs.memory.visitor_jobs import VisitorJobs
from renderq_shared.jobs.records import Idempotency, NewJob, QueueLimits, SubmitOutcome, SubmitResult


class Submissions:
    """Accepts jobs. `keys`: tenant and idempotency key → id of the job or batch, fingerprint, end of the key in ms."""

    def __init__(
        self,
        jobs: JobTable,
        assets: AssetTable,
        purges: PurgeTable,
        positions: Positions,
        pending_wakeups: Callable[[str], int],
        clock_ms: Callable[[], int],
    ) -> None:
        self._jobs = jobs
        self._assets = assets
        self._purges = purges
        self._positions = positions
        self._pending_wakeups = pending_wakeups
        self._now_ms = clock_ms
        self._visitors = VisitorJobs(jobs, clock_ms)
        self.keys: dict[tuple[str, str], tuple[str, str, int]] = {}

    def submit(self, job: NewJob, limits: QueueLimits) -> SubmitResult:
        pending = self._pending_wakeups(job.model)
        if known := self._jobs.jobs.get(job.id):
            return SubmitResult(SubmitOutcome.ACCEPTED, known, pending, self._positions.of(known), known.id)
        visitor = limits.visitor
        if job.tenant in self._purges or (visitor and self._now_ms() >= visitor.expires_ms):
            return SubmitResult(SubmitOutcome.PURGE_IN_PROGRESS, None, pending)
        if job.idempotency and (earlier := self.replay(job.tenant, job.idempotency)):
            return replace(earlier, pending_wakeups=pending)
        if not all(self._assets.get(job.tenant, asset_id) for asset_id in job.assets):
            return SubmitResult(SubmitOutcome.ASSET_NOT_FOUND, None, pending)
        if reached := self._limit_reached(job.tenant, 1, limits):
            return SubmitResult(reached, None, pending)
        if visitor and (refused := self._visitors.refusal(job.tenant, visitor)):
            outcome, oldest = refused
            position = oldest and self._positions.of(oldest)
            return SubmitResult(outcome, oldest, pending, position, oldest and oldest.id)
        self._remember(job.tenant, job.idempotency, job.id)
        self._assets.retain(job)
        accepted = self._jobs.accept(job)
        if visitor:
            self._visitors.count(job, visitor)
        return SubmitResult(SubmitOutcome.ACCEPTED, accepted, pending, self._positions.of(accepted), accepted.id)

    def submit_batch(self, batch: NewBatch, limits: QueueLimits) -> BatchResult:
        if self._jobs.of_batch(batch.tenant, batch.id):
            return self._accepted_batch(batch)
        if batch.tenant in self._purges:
            return BatchResult(SubmitOutcome.PURGE_IN_PROGRESS)
        if batch.idempotency and (earlier := self.replay(batch.tenant, batch.idempotency)):
            return BatchResult(earlier.outcome, earlier.job_id)
        for index, job in enumerate(batch.jobs):
            if not all(self._assets.get(job.tenant, asset_id) for asset_id in job.assets):
                return BatchResult(SubmitOutcome.ASSET_NOT_FOUND, missing_asset_of=index)
        if reached := self._limit_reached(batch.tenant, len(batch.jobs), limits):
            return BatchResult(reached)
        self._remember(batch.tenant, batch.idempotency, batch.id)
        for job in batch.jobs:
            self._assets.retain(job)
            self._jobs.accept(replace(job, weight=batch.weight))
        return self._accepted_batch(batch)

    def _accepted_batch(self, batch: NewBatch) -> BatchResult:
        queues = tuple(
            BatchQueue(model, self._pending_wakeups(model), self._jobs.is_paused(model, batch.tenant))
            for model in sorted({job.model for job in batch.jobs})
        )
        return BatchResult(SubmitOutcome.ACCEPTED, batch.id, queues)

    def _limit_reached(self, tenant: str, count: int, limits: QueueLimits) -> SubmitOutcome | None:
        if self._jobs.queued(tenant) + count > limits.per_tenant:
            return SubmitOutcome.QUOTA_EXCEEDED
        return SubmitOutcome.QUEUE_FULL if self._jobs.queued() + count > limits.total else None

    def _remember(self, tenant: str, idempotency: Idempotency | None, accepted_id: str) -> None:
        if idempotency:
            entry = (accepted_id, idempotency.fingerprint, self._now_ms() + IDEMPOTENCY_KEY_TTL_MS)
            self.keys[tenant, idempotency.key] = entry

    def replay(self, tenant: str, idempotency: Idempotency) -> SubmitResult | None:
        earlier_id, fingerprint, until = self.keys.get((tenant, idempotency.key), ("", "", 0))
        if until <= self._now_ms():
            return None
        if fingerprint != idempotency.fingerprint:
            return SubmitResult(SubmitOutcome.KEY_REUSED, None, pending_wakeups=0)
        earlier = self._jobs.jobs.get(earlier_id)
        return SubmitResult(SubmitOutcome.REPLAYED, earlier, 0, earlier and self._positions.of(earlier), earlier_id)
