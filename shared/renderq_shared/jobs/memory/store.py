"""The job store in one process' memory: the same behavior as over Redis, to read, to test with and to try."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from renderq.contract import Status
from renderq_shared.jobs.asset_records import AssetRecord, NewAsset
from renderq_shared.jobs.delivery_records import DeliveryClaim, DeliveryRecord, DeliveryResult
from renderq_shared.jobs.history import DeleteResult, JobFilter, JobPage, JobPosition, Retention, RetentionResult
from renderq_shared.jobs.memory.assets import AssetTable
from renderq_shared.jobs.memory.jobs import JobTable
from renderq_shared.jobs.memory.pages import job_page
from renderq_shared.jobs.memory.removals import Removals
from renderq_shared.jobs.memory.retention import RetentionTable
from renderq_shared.jobs.memory.timings import TimingTable
from renderq_shared.jobs.memory.workers import WorkerTable
from renderq_shared.jobs.records import (
    ClaimRef,
    ClaimRequest,
    FenceResult,
    FinishResult,
    Idempotency,
    JobRecord,
    JobUpdate,
    ModelQueue,
    NewJob,
    Outcome,
    ProgressResult,
    QueueLimits,
    QueuePosition,
    StoreStats,
    SubmitOutcome,
    SubmitResult,
    SweepResult,
    TenantRecord,
    WorkerRecord,
)
from renderq_shared.jobs.redis.commands import CLAIM_REMEMBERED_MS, IDEMPOTENCY_KEPT_MS
from renderq_shared.jobs.timings import ModelTimings

STALE_MAX = 32
"""Jobs past their deadline that one claim ends on its way to the next job."""

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


def system_clock_ms() -> int:
    return time.time_ns() // 1_000_000


def _alone(
    method: "Callable[Concatenate[MemoryJobStore, Arguments], Answer]",
) -> "Callable[Concatenate[MemoryJobStore, Arguments], Answer]":
    """One call at a time, like a script in Redis."""

    @wraps(method)
    def call(self: "MemoryJobStore", /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
        with self.lock:
            return method(self, *args, **kwargs)

    return call


class MemoryJobStore:
    """`JobStore` without a server. It forgets everything at exit."""

    def __init__(
        self,
        clock_ms: Callable[[], int] = system_clock_ms,
        pending_wakeups: Callable[[str], int] = lambda model: 0,
        on_change: Callable[[JobRecord], None] = lambda record: None,
        on_cancel: Callable[[str, str], None] = lambda job_id, claim_id: None,
        viewers: Callable[[str], int] = lambda job_id: 0,
        on_preview: Callable[[str, str], None] = lambda job_id, preview_json: None,
    ) -> None:
        """`pending_wakeups`: model → wake-ups waiting. `on_change`, `on_cancel` and `on_preview` stand for the channels,
        `viewers` for the number of those who listen to a job's previews."""
        self.lock = threading.RLock()
        self._now_ms = clock_ms
        self._pending_wakeups = pending_wakeups
        self._removals = Removals(clock_ms)
        self._jobs = JobTable(clock_ms, on_change, on_cancel, self._removals)
        self._assets = AssetTable(self._removals, clock_ms)
        self._retention = RetentionTable(self._jobs, self._assets, self._removals, clock_ms)
        self._workers = WorkerTable(clock_ms)
        self._viewers = viewers
        self._on_preview = on_preview
        self._timings = TimingTable(self._jobs)
        self._keys: dict[tuple[str, str], tuple[str, str, int]] = {}
        self._claims: dict[str, tuple[str, int]] = {}
        self._swept_ms: int | None = None

    @_alone
    def submit(self, job: NewJob, limits: QueueLimits) -> SubmitResult:
        wakes = self._pending_wakeups(job.model)
        if known := self._jobs.jobs.get(job.id):
            return SubmitResult(SubmitOutcome.ACCEPTED, known, wakes, self._place(known))
        if job.idempotency and (earlier := self.replay(job.tenant, job.idempotency)):
            return replace(earlier, pending_wakeups=wakes)
        if not all(self._assets.get(job.tenant, asset_id) for asset_id in job.assets):
            return SubmitResult(SubmitOutcome.ASSET_NOT_FOUND, None, wakes)
        if self._jobs.queued(job.tenant) >= limits.per_tenant:
            return SubmitResult(SubmitOutcome.QUOTA_EXCEEDED, None, wakes)
        if self._jobs.queued() >= limits.total:
            return SubmitResult(SubmitOutcome.QUEUE_FULL, None, wakes)
        if job.idempotency:
            entry = (job.id, job.idempotency.fingerprint, self._now_ms() + IDEMPOTENCY_KEPT_MS)
            self._keys[job.tenant, job.idempotency.key] = entry
        self._assets.retain(job)
        accepted = self._jobs.accept(job)
        return SubmitResult(SubmitOutcome.ACCEPTED, accepted, wakes, self._place(accepted))

    @_alone
    def replay(self, tenant: str, idempotency: Idempotency) -> SubmitResult | None:
        earlier_id, fingerprint, until = self._keys.get((tenant, idempotency.key), ("", "", 0))
        if until <= self._now_ms():
            return None
        if fingerprint != idempotency.fingerprint:
            return SubmitResult(SubmitOutcome.KEY_REUSED, None, pending_wakeups=0)
        earlier = self._jobs.jobs.get(earlier_id)
        return SubmitResult(SubmitOutcome.REPLAYED, earlier, 0, earlier and self._place(earlier))

    @_alone
    def get(self, tenant: str, job_id: str) -> tuple[JobRecord, QueuePosition | None] | None:
        job = self._of_tenant(tenant, job_id)
        return None if job is None else (job, self._place(job))

    @_alone
    def page(self, tenant: str, wanted: JobFilter, limit: int, scan: int, after: JobPosition | None = None) -> JobPage:
        return job_page(self._jobs.jobs.values(), tenant, wanted, limit, scan, after)

    @_alone
    def cancel(self, tenant: str, job_id: str) -> JobRecord | None:
        job = self._of_tenant(tenant, job_id)
        return None if job is None else self._jobs.cancel(job)

    @_alone
    def claim(self, request: ClaimRequest) -> JobRecord | None:
        """See `lua/claim.lua` for the rules."""
        taken, until = self._claims.get(request.claim_id, ("", 0))
        if until > self._now_ms():
            return self._jobs.find_claimed(ClaimRef(taken, request.claim_id))
        stale = 0
        ahead = {each.model for each in request.candidates if each.prefetch}
        for model in self._models_in_order(request):
            while stale < STALE_MAX and (job_id := self._jobs.queues[model].head()) is not None:
                job = self._jobs.jobs[job_id]
                if job.deadline_at_ms is not None and job.deadline_at_ms <= self._now_ms():
                    self._jobs.miss_deadline(job)
                    stale += 1
                    continue
                if model in ahead and self._is_left_to_others(model, request.worker):
                    break
                if job.quarantined and not request.engine_empty:
                    return None
                self._claims[request.claim_id] = (job_id, self._now_ms() + CLAIM_REMEMBERED_MS)
                return self._jobs.claim(job, request.claim_id, request.worker, request.lease_ms)
        return None

    @_alone
    def renew(self, claim_refs: Sequence[ClaimRef], lease_ms: int) -> tuple[FenceResult, ...]:
        verdicts: list[FenceResult] = []
        for each in claim_refs:
            job = self._jobs.find_claimed(each)
            if job is not None:
                self._jobs.leases[job.id] = self._now_ms() + lease_ms
            verdicts.append(_verdict(job))
        return tuple(verdicts)

    @_alone
    def progress(self, claim_ref: ClaimRef, update: JobUpdate) -> ProgressResult:
        job = self._jobs.find_claimed(claim_ref)
        if job is not None:
            news = {name: value for name, value in _update_fields(update).items() if getattr(job, name) != value}
            if news:
                job = self._jobs.update(job, **news)
            self._jobs.enqueue_output_events(job, update.finished)
        verdict = _verdict(job)
        return ProgressResult(
            verdict, has_preview_viewers=verdict is FenceResult.HELD and self._viewers(claim_ref.job_id) > 0
        )

    @_alone
    def publish_preview(self, claim_ref: ClaimRef, preview_json: str) -> bool:
        if _verdict(self._jobs.find_claimed(claim_ref)) is not FenceResult.HELD:
            return False
        self._on_preview(claim_ref.job_id, preview_json)
        return self._viewers(claim_ref.job_id) > 0

    @_alone
    def finish(self, claim_ref: ClaimRef, outcome: Outcome) -> FinishResult:
        job = self._jobs.jobs.get(claim_ref.job_id)
        if job is None:
            return FinishResult(accepted=False, record=None)
        if self._jobs.accounts[job.id].ended_by == claim_ref.claim_id:
            return FinishResult(accepted=True, record=job)
        unasked = outcome.status is Status.CANCELED and job.status is Status.RUNNING
        if self._jobs.find_claimed(claim_ref) is None or unasked:
            return FinishResult(accepted=False, record=job)
        self._jobs.accounts[job.id].ended_by = claim_ref.claim_id
        if outcome.cost is not None:
            self._jobs.adjust_charge(job, outcome.cost)
        fields = _update_fields(outcome.update)
        if job.status is Status.RUNNING:
            ended = self._jobs.end(job, outcome.status, error_json=outcome.error_json, **fields)
            if outcome.timing and ended.status is Status.SUCCEEDED:
                self._timings.record(ended, outcome.timing)
        else:
            ended = self._jobs.end(job, Status.CANCELED, **fields)
        self._jobs.enqueue_output_events(ended, outcome.update.finished)
        return FinishResult(accepted=True, record=ended)

    @_alone
    def requeue(self, claim_ref: ClaimRef) -> FenceResult:
        job = self._jobs.jobs.get(claim_ref.job_id)
        if job is None:
            return FenceResult.LOST
        account = self._jobs.accounts[job.id]
        if account.handed_back_by == claim_ref.claim_id:
            return FenceResult.HELD
        if account.ended_by == claim_ref.claim_id and job.status is Status.CANCELED:
            return FenceResult.CANCELING
        if self._jobs.find_claimed(claim_ref) is None:
            return FenceResult.LOST
        if job.status is Status.CANCELING:
            account.ended_by = claim_ref.claim_id
            self._jobs.end(job, Status.CANCELED)
        else:
            account.handed_back_by = claim_ref.claim_id
            self._jobs.requeue(job, job.lost_leases)
        return _verdict(job)

    @_alone
    def sweep(self, lease_ms: int, limit: int) -> SweepResult:
        now = self._now_ms()
        outage = self._swept_ms is None or now - self._swept_ms > lease_ms
        self._swept_ms = now
        late = [self._jobs.miss_deadline(job) for job in self._jobs.past_deadline()[:limit]]
        leases = sorted((until, job_id) for job_id, until in self._jobs.leases.items())
        if outage:
            short = [job_id for until, job_id in leases if until < now + lease_ms]
            self._jobs.leases.update(dict.fromkeys(short, now + lease_ms))
            lost = []
        else:
            short = []
            ran_out = [job_id for until, job_id in leases if until <= now][:limit]
            lost = [self._jobs.lose_lease(self._jobs.jobs[job_id]) for job_id in ran_out]
        return SweepResult(
            requeued=_ids(lost, Status.QUEUED),
            lost=_ids(lost, Status.FAILED),
            canceled=_ids(lost, Status.CANCELED),
            expired=_ids(late, Status.EXPIRED),
            deadline_exceeded=_ids(late, Status.FAILED),
            extended=len(short),
            queues=self.queues(),
            more=len(late) >= limit or len(lost) >= limit,
        )

    @_alone
    def delete(self, tenant: str, job_id: str) -> DeleteResult:
        return self._retention.delete(tenant, job_id)

    @_alone
    def apply_retention(self, keep: Retention, lease_ms: int, limit: int) -> RetentionResult:
        return self._retention.apply_retention(keep, lease_ms, limit)

    @_alone
    def confirm_deleted(self, prefixes: Sequence[str]) -> None:
        self._removals.confirm_deleted(prefixes)

    @_alone
    def reserve_asset(self, asset: NewAsset, reservation_ttl_ms: int) -> AssetRecord | None:
        return self._assets.reserve(asset, reservation_ttl_ms)

    @_alone
    def commit_asset(self, asset: NewAsset) -> AssetRecord | None:
        return self._assets.commit(asset)

    @_alone
    def asset(self, tenant: str, asset_id: str) -> AssetRecord | None:
        return self._assets.get(tenant, asset_id)

    @_alone
    def confirm_manifests(self, job_ids: Sequence[str]) -> None:
        self._retention.confirm_manifests(job_ids)

    @_alone
    def restore(self, job: JobRecord) -> bool:
        return self._retention.restore(job)

    @_alone
    def register(self, worker: WorkerRecord, ttl_ms: int) -> None:
        self._workers.register(worker, ttl_ms)

    @_alone
    def unregister(self, worker_id: str) -> None:
        self._workers.unregister(worker_id)

    @_alone
    def workers(self) -> tuple[WorkerRecord, ...]:
        return self._workers.live()

    @_alone
    def queues(self) -> tuple[ModelQueue, ...]:
        return tuple(
            ModelQueue(
                model=model,
                queued=len(queue),
                oldest_age_ms=max(self._now_ms() - oldest, 0),
                pending_wakeups=self._pending_wakeups(model),
                has_worker=self._workers.serves(model),
                claimable=self._jobs.claimable(model),
            )
            for model, queue in sorted(self._jobs.queues.items())
            if (oldest := queue.oldest_ms) is not None
        )

    @_alone
    def claim_deliveries(self, request: DeliveryClaim) -> tuple[DeliveryRecord, ...]:
        return self._jobs.outbox.claim(request)

    @_alone
    def complete_delivery(self, result: DeliveryResult) -> bool:
        return self._jobs.outbox.complete(result)

    @_alone
    def deliveries(self, tenant: str, job_id: str) -> tuple[DeliveryRecord, ...] | None:
        job = self._of_tenant(tenant, job_id)
        return None if job is None else self._jobs.outbox.of_job(job)

    @_alone
    def replay_delivery(self, tenant: str, delivery_id: str) -> DeliveryRecord | None:
        return self._jobs.outbox.replay(tenant, delivery_id)

    @_alone
    def timings(self) -> tuple[ModelTimings, ...]:
        return self._timings.timings(self._workers.live())

    @_alone
    def pause_model(self, model: str, paused: bool) -> None:
        change = self._jobs.paused_models.add if paused else self._jobs.paused_models.discard
        change(model)

    @_alone
    def pause_tenant(self, tenant: str, paused: bool) -> None:
        self._jobs.pause_tenant(tenant, paused)

    @_alone
    def tenants(self) -> tuple[TenantRecord, ...]:
        return self._jobs.tenants()

    @_alone
    def stats(self) -> StoreStats:
        running = Counter(self._jobs.jobs[job_id].model for job_id in self._jobs.leases)
        return StoreStats(self.queues(), dict(running), self.workers(), frozenset(self._jobs.paused_models))

    def _of_tenant(self, tenant: str, job_id: str) -> JobRecord | None:
        job = self._jobs.jobs.get(job_id)
        return job if job and job.tenant == tenant else None

    def _place(self, job: JobRecord) -> QueuePosition | None:
        if job.status is not Status.QUEUED:
            return None
        ahead = self._jobs.queues[job.model].jobs_ahead(job.tenant, job.id)
        paused = job.model in self._jobs.paused_models or job.tenant in self._jobs.paused_tenants
        return QueuePosition(ahead, self._workers.serves(job.model), paused, self._jobs.cost_ahead(job, ahead))

    def _is_left_to_others(self, model: str, worker_id: str) -> bool:
        busy = {self._jobs.jobs[job_id].worker for job_id in self._jobs.leases} | {worker_id}
        return self._jobs.claimable(model) <= len(set(self._workers.serving(model)) - busy)

    def _models_in_order(self, request: ClaimRequest) -> list[str]:
        oldest = {each.model: self._jobs.queues[each.model].oldest_ms for each in request.candidates}
        waiting = [
            (since, place, each.model)
            for place, each in enumerate(request.candidates)
            if (since := oldest[each.model]) is not None
            and not each.resident
            and self._now_ms() - since >= request.switch_after_ms
        ]
        first = [model for _, _, model in sorted(waiting)]
        order = first + [each.model for each in request.candidates if each.model not in first]
        return [model for model in order if model not in self._jobs.paused_models]


def _update_fields(update: JobUpdate) -> dict[str, Any]:
    named = {field.name: getattr(update, field.name) for field in fields(update) if field.name != "finished"}
    return {name: value for name, value in named.items() if value is not None}


def _verdict(job: JobRecord | None) -> FenceResult:
    """What a write met, by the job before the write; `None` if the claim does not hold it."""
    if job is None:
        return FenceResult.LOST
    return FenceResult.CANCELING if job.status is Status.CANCELING else FenceResult.HELD


def _ids(jobs: list[JobRecord], status: Status) -> tuple[str, ...]:
    return tuple(job.id for job in jobs if job.status is status)
