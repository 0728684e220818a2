"""Job store in memory: the reference model that specifies the Redis store's behavior. Used to read and to test."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any, TypeVar, TypeVarTuple

from renderq.contract import Status
from renderq_shared.jobs import commands
from renderq_shared.jobs.archive_records import ArchiveState
from renderq_shared.jobs.claim_records import (
    ClaimRef,
    ClaimRequest,
    FenceResult,
    FinishResult,
    JobUpdate,
    Outcome,
    ProgressResult,
)
from renderq_shared.jobs.commands import Command
from renderq_shared.jobs.delivery_records import DeliveryRecord
from renderq_shared.jobs.lifetimes import CLAIM_TTL_MS
from renderq_shared.jobs.list_records import JobFilter, JobPage, JobPosition
from renderq_shared.jobs.memory.apis import ApiTable
from renderq_shared.jobs.memory.assets import AssetTable
from renderq_shared.jobs.memory.batches import BatchViews
from renderq_shared.jobs.memory.jobs import JobTable
from renderq_shared.jobs.memory.pages import job_page
from renderq_shared.jobs.memory.positions import Positions
from renderq_shared.jobs.memory.purge_steps import PurgeSteps
from renderq_shared.jobs.memory.purges import PurgeTable
from renderq_shared.jobs.memory.removals import Removals
from renderq_shared.jobs.memory.retention import RetentionTable
from renderq_shared.jobs.memory.submissions import Submissions
from renderq_shared.jobs.memory.timings import TimingTable
from renderq_shared.jobs.memory.workers import WorkerTable
from renderq_shared.jobs.records import (
    JobRecord,
    ModelQueue,
    MoveOutcome,
    MoveResult,
    MoveTarget,
    QueuedJob,
    QueuePosition,
    StoreStats,
)
from renderq_shared.jobs.sweep_records import LeaseLoss, SweepResult
from renderq_shared.jobs.timings import ModelTimings

MAX_EXPIRED = 32
"""Maximum number of jobs past their deadline that one claim expires. The same as in `lua/claim.lua`."""

Params = TypeVarTuple("Params")
Result = TypeVar("Result")


def system_clock_ms() -> int:
    return time.time_ns() // 1_000_000


class MemoryJobStore:
    """`JobStore` without a server and without persistence. Thread-safe."""

    def __init__(
        self,
        clock_ms: Callable[[], int] = system_clock_ms,
        pending_wakeups: Callable[[str], int] = lambda model: 0,
        on_change: Callable[[JobRecord], None] = lambda record: None,
        on_delete: Callable[[str, str], None] = lambda job_id, tenant: None,
        on_cancel: Callable[[str, str], None] = lambda job_id, claim_id: None,
        preview_viewers: Callable[[str], int] = lambda job_id: 0,
        on_preview: Callable[[str, str], None] = lambda job_id, preview_json: None,
    ) -> None:
        """`pending_wakeups`: model → number of waiting wake-ups. `on_change`, `on_delete`, `on_cancel` and
        `on_preview` replace the pub/sub channels, `preview_viewers` (job id → number) their subscribers."""
        self._lock = threading.Lock()
        self._now_ms = clock_ms
        self._pending_wakeups = pending_wakeups
        self._removals = Removals(clock_ms)
        self._purges = PurgeTable(clock_ms)
        self._jobs = JobTable(clock_ms, on_change, on_cancel, self._removals)
        self._assets = AssetTable(self._removals, self._purges, clock_ms)
        self._retention = RetentionTable(self._jobs, self._assets, self._removals, self._purges, clock_ms, on_delete)
        self._workers = WorkerTable(clock_ms)
        self._positions = Positions(self._jobs, self._workers)
        self._batches = BatchViews(self._jobs, self._positions)
        self._submissions = Submissions(
            self._jobs, self._assets, self._purges, self._positions, pending_wakeups, clock_ms
        )
        self._apis = ApiTable(clock_ms)
        self._preview_viewers = preview_viewers
        self._on_preview = on_preview
        self._timings = TimingTable(self._jobs)
        self._claims: dict[str, tuple[str, int]] = {}
        self._purge_steps = PurgeSteps(
            self._purges,
            self._jobs,
            self._assets,
            self._retention,
            self._removals,
            idempotency_keys=self._submissions.keys,
            claims=self._claims,
            clock_ms=clock_ms,
        )
        self._swept_ms: int | None = None
        self._methods: dict[str, Callable[..., Any]] = {}
        self._register(commands.submit, self._submissions.submit)
        self._register(commands.submit_batch, self._submissions.submit_batch)
        self._register(commands.check_submission, lambda: None)
        self._register(commands.replay_submission, self._submissions.replay)
        self._register(commands.get_job, self._get)
        self._register(commands.queued_jobs, self._queued_jobs)
        self._register(commands.page, self._page)
        self._register(commands.get_batch, self._batches.get)
        self._register(commands.batches, self._batches.page)
        self._register(commands.cancel, self._cancel)
        self._register(commands.cancel_jobs, self._cancel_jobs)
        self._register(commands.move, self._move)
        self._register(commands.claim, self._claim)
        self._register(commands.renew, self._renew)
        self._register(commands.progress, self._progress)
        self._register(commands.publish_preview, self._publish_preview)
        self._register(commands.finish, self._finish)
        self._register(commands.requeue, self._requeue)
        self._register(commands.sweep, self._sweep)
        self._register(commands.delete, self._retention.delete)
        self._register(commands.apply_retention, self._retention.apply_retention)
        self._register(commands.confirm_deleted, self._removals.confirm_deleted)
        self._register(commands.reserve_asset, self._assets.reserve)
        self._register(commands.commit_asset, self._assets.commit)
        self._register(commands.get_asset, self._assets.get)
        self._register(commands.confirm_archived, self._retention.confirm_archived)
        self._register(commands.remove_archived, self._retention.remove_archived)
        self._register(commands.annotate, self._retention.annotate)
        self._register(commands.publish_archived, on_change)
        self._register(commands.start_purge, self._purges.start)
        self._register(commands.get_purge, self._purges.get)
        self._register(commands.claim_purge, self._purges.claim)
        self._register(commands.renew_purge, self._purges.renew)
        self._register(commands.purge_page, self._purge_steps.page)
        self._register(commands.purge_jobs, self._purge_steps.delete_jobs)
        self._register(commands.purge_keys, self._purge_steps.delete_keys)
        self._register(commands.complete_purge, self._purge_steps.complete)
        self._register(commands.register, self._workers.register)
        self._register(commands.drain_worker, self._workers.drain)
        self._register(commands.unregister, self._workers.unregister)
        self._register(commands.register_api, self._apis.register)
        self._register(commands.unregister_api, self._apis.unregister)
        self._register(commands.archive_state, self._archive_state)
        self._register(commands.workers, self._workers.live)
        self._register(commands.queues, self._queues)
        self._register(commands.pause_model, self._jobs.pause_model)
        self._register(commands.pause_tenant, self._jobs.pause_tenant)
        self._register(commands.choose_model, self._jobs.chosen_models.__setitem__)
        self._register(commands.chosen_model, self._jobs.chosen_models.get)
        self._register(commands.tenants, self._jobs.tenants)
        self._register(commands.stats, self._stats)
        self._register(commands.load_minutes, self._jobs.load.minutes)
        self._register(commands.timings, self._model_timings)
        self._register(commands.claim_deliveries, self._jobs.outbox.claim)
        self._register(commands.complete_delivery, self._jobs.outbox.complete)
        self._register(commands.deliveries, self._deliveries)
        self._register(commands.replay_delivery, self._replay_delivery)
        self._register(commands.confirm_deliveries, self._jobs.outbox.confirm)

    def call(self, command: Command[Result]) -> Result:
        """Execute one command at a time, like Redis executes scripts."""
        with self._lock:
            return self._methods[command.name](*command.params)

    def _register(self, command: Callable[[*Params], Command[Result]], method: Callable[[*Params], Result]) -> None:
        """Register the method that executes a command. The type checker compares their parameters and results."""
        self._methods[command.__name__] = method

    def _get(self, tenant: str, job_id: str) -> tuple[JobRecord, QueuePosition | None] | None:
        job = self._find(tenant, job_id)
        return None if job is None else (job, self._positions.of(job))

    def _queued_jobs(self, tenant: str, limit: int) -> tuple[QueuedJob, ...]:
        ids = (job_id for queue in self._jobs.queues.values() for job_id in queue.jobs(tenant)[:limit])
        placed = [
            (job, position) for job in map(self._jobs.jobs.__getitem__, ids) if (position := self._positions.of(job))
        ]
        placed.sort(key=lambda each: (each[1].jobs_ahead, each[0].sequence))
        return tuple(QueuedJob(job.id, job.model, job.images, job.cost, position) for job, position in placed[:limit])

    def _page(
        self, tenant: str, job_filter: JobFilter, limit: int, scan_limit: int, after: JobPosition | None = None
    ) -> JobPage:
        return job_page(self._jobs.jobs.values(), tenant, job_filter, limit, scan_limit, after)

    def _cancel(self, tenant: str, job_id: str) -> JobRecord | None:
        job = self._find(tenant, job_id)
        return None if job is None else self._jobs.cancel(job)

    def _cancel_jobs(self, tenant: str, job_ids: Sequence[str], only_queued: bool) -> tuple[Status | None, ...]:
        statuses: list[Status | None] = []
        for job_id in job_ids:
            job = self._find(tenant, job_id)
            if job and (job.status is Status.QUEUED or not only_queued):
                job = self._jobs.cancel(job)
            statuses.append(job and job.status)
        return tuple(statuses)

    def _move(self, tenant: str, job_id: str, to: MoveTarget, other_id: str | None = None) -> MoveResult:
        job = self._find(tenant, job_id)
        if job is None:
            return MoveResult(MoveOutcome.UNKNOWN)
        if job.status is not Status.QUEUED:
            return MoveResult(MoveOutcome.NOT_QUEUED, job)
        ids = self._jobs.queues[job.model].jobs(tenant)
        if to is MoveTarget.BEFORE and other_id not in ids:
            return MoveResult(MoveOutcome.OTHER_NOT_QUEUED, job)
        index = {MoveTarget.FRONT: 0, MoveTarget.BACK: len(ids) - 1}.get(to)
        if index is None:
            index = ids.index(other_id or "")
            index -= index > ids.index(job_id)
        self._jobs.move(job, index)
        return MoveResult(MoveOutcome.MOVED, job, self._positions.of(job))

    def _claim(self, request: ClaimRequest) -> JobRecord | None:
        """Apply the rules of `lua/claim.lua`."""
        claimed_id, until = self._claims.get(request.claim_id, ("", 0))
        if until > self._now_ms():
            return self._jobs.find_claimed(ClaimRef(claimed_id, request.claim_id))
        if self._workers.is_told_to_drain(request.worker):
            return None
        expired = 0
        prefetched = {each.model for each in request.candidates if each.prefetch}
        if request.engine_quarantined and not request.engine_empty:
            return self._claim_quarantined(request, prefetched)
        for model in self._models_in_order(request):
            while expired < MAX_EXPIRED and (heads := self._jobs.queues[model].heads(request.excluded)):
                job = self._jobs.jobs[heads[0]]
                if self._is_late(job):
                    self._jobs.miss_deadline(job)
                    expired += 1
                    continue
                if model in prefetched and self._is_left_to_idle_workers(model, request.worker):
                    break
                if job.quarantined and not request.engine_empty:
                    return None
                return self._start(job, request, in_turn=self._jobs.queues[model].is_next(job.tenant))
        return None

    def _claim_quarantined(self, request: ClaimRequest, prefetched: set[str]) -> JobRecord | None:
        for model in self._models_in_order(request):
            heads = (self._jobs.jobs[job_id] for job_id in self._jobs.queues[model].heads(request.excluded))
            is_claimable = (job for job in heads if job.quarantined and not job.runs_alone and not self._is_late(job))
            job = next(is_claimable, None)
            if job is not None and not (model in prefetched and self._is_left_to_idle_workers(model, request.worker)):
                return self._start(job, request, in_turn=False)
        return None

    def _is_late(self, job: JobRecord) -> bool:
        return job.deadline_at_ms is not None and job.deadline_at_ms <= self._now_ms()

    def _start(self, job: JobRecord, request: ClaimRequest, *, in_turn: bool) -> JobRecord:
        self._claims[request.claim_id] = (job.id, self._now_ms() + CLAIM_TTL_MS)
        return self._jobs.claim(job, request.claim_id, request.worker, request.lease_ms, in_turn=in_turn)

    def _renew(self, claim_refs: Sequence[ClaimRef], lease_ms: int) -> tuple[FenceResult, ...]:
        results: list[FenceResult] = []
        for each in claim_refs:
            job = self._jobs.find_claimed(each)
            if job is not None:
                self._jobs.leases[job.id] = self._now_ms() + lease_ms
            results.append(_fence_result(job))
        return tuple(results)

    def _progress(self, claim_ref: ClaimRef, update: JobUpdate) -> ProgressResult:
        job = self._jobs.find_claimed(claim_ref)
        if job is not None:
            changes = {name: value for name, value in _update_fields(update).items() if getattr(job, name) != value}
            if changes:
                job = self._jobs.update(job, **changes)
            self._jobs.enqueue_output_events(job, update.finished)
        fence = _fence_result(job)
        return ProgressResult(
            fence, has_preview_viewers=fence is FenceResult.HELD and self._preview_viewers(claim_ref.job_id) > 0
        )

    def _publish_preview(self, claim_ref: ClaimRef, preview_json: str) -> bool:
        if _fence_result(self._jobs.find_claimed(claim_ref)) is not FenceResult.HELD:
            return False
        self._on_preview(claim_ref.job_id, preview_json)
        return self._preview_viewers(claim_ref.job_id) > 0

    def _finish(self, claim_ref: ClaimRef, outcome: Outcome) -> FinishResult:
        job = self._jobs.jobs.get(claim_ref.job_id)
        if job is None:
            return FinishResult(accepted=False, record=None)
        if self._jobs.accounts[job.id].ended_by == claim_ref.claim_id:
            return FinishResult(accepted=True, record=job)
        is_unrequested = outcome.status is Status.CANCELED and job.status is Status.RUNNING
        if self._jobs.find_claimed(claim_ref) is None or is_unrequested:
            return FinishResult(accepted=False, record=job)
        self._jobs.accounts[job.id].ended_by = claim_ref.claim_id
        if outcome.cost is not None:
            self._jobs.adjust_charge(job, outcome.cost)
        fields = _update_fields(outcome.update)
        if job.status is Status.RUNNING:
            ended = self._jobs.finish(job, outcome.status, error_json=outcome.error_json, **fields)
            if outcome.timing and ended.status is Status.SUCCEEDED:
                self._timings.record(ended, outcome.timing)
        else:
            ended = self._jobs.finish(job, Status.CANCELED, **fields)
        self._jobs.enqueue_output_events(ended, outcome.update.finished)
        return FinishResult(accepted=True, record=ended)

    def _requeue(self, claim_ref: ClaimRef) -> FenceResult:
        job = self._jobs.jobs.get(claim_ref.job_id)
        if job is None:
            return FenceResult.LOST
        account = self._jobs.accounts[job.id]
        if account.requeued_by == claim_ref.claim_id:
            return FenceResult.HELD
        if account.ended_by == claim_ref.claim_id and job.status is Status.CANCELED:
            return FenceResult.CANCELING
        if self._jobs.find_claimed(claim_ref) is None:
            return FenceResult.LOST
        if job.status is Status.CANCELING:
            account.ended_by = claim_ref.claim_id
            self._jobs.end(job, Status.CANCELED)
        else:
            account.requeued_by = claim_ref.claim_id
            self._jobs.requeue(job, job.lost_leases)
        return _fence_result(job)

    def _sweep(self, lease_ms: int, limit: int) -> SweepResult:
        now = self._now_ms()
        outage = self._swept_ms is None or now - self._swept_ms > lease_ms / 2
        self._swept_ms = now
        late = [self._jobs.miss_deadline(job) for job in self._jobs.past_deadline()[:limit]]
        leases = sorted((until, job_id) for job_id, until in self._jobs.leases.items())
        if outage:
            short = [job_id for until, job_id in leases if until < now + lease_ms]
            self._jobs.leases.update(dict.fromkeys(short, now + lease_ms))
            lost = []
        else:
            short = []
            expired_leases = [job_id for until, job_id in leases if until <= now][:limit]
            lost = [self._jobs.lose_lease(self._jobs.jobs[job_id]) for job_id in expired_leases]
        self._jobs.load.measure(self._jobs.queued(), len(self._jobs.leases))
        ended, self._jobs.ended = self._jobs.ended[:limit], self._jobs.ended[limit:]
        return SweepResult(
            requeued=_ids(lost, Status.QUEUED),
            lost=_ids(lost, Status.FAILED),
            canceled=_ids(lost, Status.CANCELED),
            expired=_ids(late, Status.EXPIRED),
            deadline_exceeded=_ids(late, Status.FAILED),
            extended=len(short),
            queues=self._queues(),
            more=max(len(late), len(lost), len(ended)) >= limit,
            lease_losses=tuple(LeaseLoss(job.model, job.status is Status.QUEUED and job.quarantined) for job in lost),
            ended=tuple(ended),
        )

    def _queues(self) -> tuple[ModelQueue, ...]:
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

    def _deliveries(self, tenant: str, job_id: str, images: int) -> tuple[DeliveryRecord, ...]:
        return tuple(each for each in self._jobs.outbox.of_job(job_id, images) if each.tenant == tenant)

    def _replay_delivery(self, tenant: str, delivery_id: str, archived: DeliveryRecord | None) -> DeliveryRecord | None:
        if archived and (tenant in self._purges or self._retention.is_deleted(archived.job_id)):
            archived = None
        return self._jobs.outbox.replay(tenant, delivery_id, archived)

    def _model_timings(self) -> tuple[ModelTimings, ...]:
        return self._timings.timings(self._workers.live())

    def _stats(self) -> StoreStats:
        running = Counter(self._jobs.jobs[job_id].model for job_id in self._jobs.leases)
        pending, oldest_ms = self._jobs.outbox.pending()
        paused = frozenset(self._jobs.paused_models)
        return StoreStats(self._queues(), dict(running), self._workers.live(), paused, pending, oldest_ms)

    def _archive_state(self) -> ArchiveState:
        return ArchiveState(len(self._jobs.unarchived), self._retention.oldest_unarchived_age_ms(), self._apis.live())

    def _find(self, tenant: str, job_id: str) -> JobRecord | None:
        job = self._jobs.jobs.get(job_id)
        return job if job and job.tenant == tenant else None

    def _is_left_to_idle_workers(self, model: str, worker_id: str) -> bool:
        busy = {self._jobs.jobs[job_id].worker for job_id in self._jobs.leases} | {worker_id}
        return self._jobs.claimable(model) <= len(set(self._workers.serving(model)) - busy)

    def _models_in_order(self, request: ClaimRequest) -> list[str]:
        oldest = {each.model: self._jobs.queues[each.model].oldest_ms for each in request.candidates}
        waiting = [
            (since, index, each.model)
            for index, each in enumerate(request.candidates)
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


def _fence_result(job: JobRecord | None) -> FenceResult:
    """Return the result of a write, given the job before it or `None` if the claim does not hold it."""
    if job is None:
        return FenceResult.LOST
    return FenceResult.CANCELING if job.status is Status.CANCELING else FenceResult.HELD


def _ids(jobs: list[JobRecord], status: Status) -> tuple[str, ...]:
    return tuple(job.id for job in jobs if job.status is status)
