"""The job store in one process' memory: the same behaviour as over Redis, to read, to test with and to try."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from renderq.contract import Status
from renderq_shared.jobs.asset_records import AssetRecord, NewAsset
from renderq_shared.jobs.calls import CLAIM_REMEMBERED_MS, IDEMPOTENCY_KEPT_MS
from renderq_shared.jobs.delivery_records import DeliveryClaim, DeliveryRecord, Settlement
from renderq_shared.jobs.history import Deletion, JobFilter, JobPage, JobPosition, Retention, Retired
from renderq_shared.jobs.memory_assets import AssetBook
from renderq_shared.jobs.memory_book import JobBook
from renderq_shared.jobs.memory_paces import PaceBook
from renderq_shared.jobs.memory_pages import job_page
from renderq_shared.jobs.memory_removals import Removals
from renderq_shared.jobs.memory_retention import RetentionBook
from renderq_shared.jobs.memory_workers import WorkerList
from renderq_shared.jobs.paces import ModelPace
from renderq_shared.jobs.records import (
    Bounds,
    ClaimRequest,
    Finished,
    Held,
    Idempotency,
    JobRecord,
    JobUpdate,
    ModelQueue,
    NewJob,
    Outcome,
    Progressed,
    QueuePlace,
    StoreStats,
    Submission,
    Submitted,
    Swept,
    TenantRecord,
    Verdict,
    WorkerRecord,
)

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
        wake_length: Callable[[str], int] = lambda model: 0,
        on_change: Callable[[JobRecord], None] = lambda record: None,
        on_cancel: Callable[[str, str], None] = lambda job_id, claim_id: None,
        viewers: Callable[[str], int] = lambda job_id: 0,
        on_preview: Callable[[str, str], None] = lambda job_id, preview_json: None,
    ) -> None:
        """`wake_length`: model → wake-ups waiting. `on_change`, `on_cancel` and `on_preview` stand for the channels,
        `viewers` for the number of those who listen to a job's previews."""
        self.lock = threading.RLock()
        self._now_ms = clock_ms
        self._wake_length = wake_length
        self._removals = Removals(clock_ms)
        self._book = JobBook(clock_ms, on_change, on_cancel, self._removals)
        self._assets = AssetBook(self._removals, clock_ms)
        self._retention = RetentionBook(self._book, self._assets, self._removals, clock_ms)
        self._workers = WorkerList(clock_ms)
        self._viewers = viewers
        self._on_preview = on_preview
        self._paces = PaceBook(self._book)
        self._keys: dict[tuple[str, str], tuple[str, str, int]] = {}
        self._claims: dict[str, tuple[str, int]] = {}
        self._swept_ms: int | None = None

    @_alone
    def submit(self, job: NewJob, bounds: Bounds) -> Submitted:
        wakes = self._wake_length(job.model)
        if known := self._book.jobs.get(job.id):
            return Submitted(Submission.ACCEPTED, known, wakes, self._place(known))
        if job.idempotency and (earlier := self.replay(job.tenant, job.idempotency)):
            return replace(earlier, wake_length=wakes)
        if not all(self._assets.get(job.tenant, asset_id) for asset_id in job.assets):
            return Submitted(Submission.ASSET_NOT_FOUND, None, wakes)
        if self._book.queued(job.tenant) >= bounds.per_tenant:
            return Submitted(Submission.QUOTA_EXCEEDED, None, wakes)
        if self._book.queued() >= bounds.total:
            return Submitted(Submission.QUEUE_FULL, None, wakes)
        if job.idempotency:
            entry = (job.id, job.idempotency.fingerprint, self._now_ms() + IDEMPOTENCY_KEPT_MS)
            self._keys[job.tenant, job.idempotency.key] = entry
        self._assets.hold(job)
        accepted = self._book.accept(job)
        return Submitted(Submission.ACCEPTED, accepted, wakes, self._place(accepted))

    @_alone
    def replay(self, tenant: str, idempotency: Idempotency) -> Submitted | None:
        earlier_id, fingerprint, until = self._keys.get((tenant, idempotency.key), ("", "", 0))
        if until <= self._now_ms():
            return None
        if fingerprint != idempotency.fingerprint:
            return Submitted(Submission.KEY_REUSED, None, wake_length=0)
        earlier = self._book.jobs.get(earlier_id)
        return Submitted(Submission.REPLAYED, earlier, 0, earlier and self._place(earlier))

    @_alone
    def get(self, tenant: str, job_id: str) -> tuple[JobRecord, QueuePlace | None] | None:
        job = self._of_tenant(tenant, job_id)
        return None if job is None else (job, self._place(job))

    @_alone
    def page(self, tenant: str, wanted: JobFilter, limit: int, scan: int, after: JobPosition | None = None) -> JobPage:
        return job_page(self._book.jobs.values(), tenant, wanted, limit, scan, after)

    @_alone
    def cancel(self, tenant: str, job_id: str) -> JobRecord | None:
        job = self._of_tenant(tenant, job_id)
        return None if job is None else self._book.cancel(job)

    @_alone
    def claim(self, request: ClaimRequest) -> JobRecord | None:
        """See `lua/claim.lua` for the rules."""
        taken, until = self._claims.get(request.claim_id, ("", 0))
        if until > self._now_ms():
            return self._book.held(Held(taken, request.claim_id))
        stale = 0
        ahead = {each.model for each in request.candidates if each.ahead}
        for model in self._models_in_order(request):
            while stale < STALE_MAX and (job_id := self._book.queues[model].head()) is not None:
                job = self._book.jobs[job_id]
                if job.deadline_at_ms is not None and job.deadline_at_ms <= self._now_ms():
                    self._book.miss_deadline(job)
                    stale += 1
                    continue
                if model in ahead and self._is_left_to_others(model, request.worker):
                    break
                if job.suspect and not request.engine_empty:
                    return None
                self._claims[request.claim_id] = (job_id, self._now_ms() + CLAIM_REMEMBERED_MS)
                return self._book.take(job, request.claim_id, request.worker, request.lease_ms)
        return None

    @_alone
    def renew(self, held: Sequence[Held], lease_ms: int) -> tuple[Verdict, ...]:
        verdicts: list[Verdict] = []
        for each in held:
            job = self._book.held(each)
            if job is not None:
                self._book.leases[job.id] = self._now_ms() + lease_ms
            verdicts.append(_verdict(job))
        return tuple(verdicts)

    @_alone
    def progress(self, held: Held, update: JobUpdate) -> Progressed:
        job = self._book.held(held)
        if job is not None:
            news = {name: value for name, value in _news(update).items() if getattr(job, name) != value}
            if news:
                job = self._book.change(job, **news)
            self._book.announce_outputs(job, update.finished)
        verdict = _verdict(job)
        return Progressed(verdict, previews_wanted=verdict is Verdict.HELD and self._viewers(held.job_id) > 0)

    @_alone
    def show_preview(self, held: Held, preview_json: str) -> bool:
        if _verdict(self._book.held(held)) is not Verdict.HELD:
            return False
        self._on_preview(held.job_id, preview_json)
        return self._viewers(held.job_id) > 0

    @_alone
    def finish(self, held: Held, outcome: Outcome) -> Finished:
        job = self._book.jobs.get(held.job_id)
        if job is None:
            return Finished(accepted=False, record=None)
        if self._book.accounts[job.id].ended_by == held.claim_id:
            return Finished(accepted=True, record=job)
        unasked = outcome.status is Status.CANCELED and job.status is Status.RUNNING
        if self._book.held(held) is None or unasked:
            return Finished(accepted=False, record=job)
        self._book.accounts[job.id].ended_by = held.claim_id
        if outcome.cost is not None:
            self._book.recharge(job, outcome.cost)
        fields = _news(outcome.update)
        if job.status is Status.RUNNING:
            ended = self._book.end(job, outcome.status, error_json=outcome.error_json, **fields)
            if outcome.pace and ended.status is Status.SUCCEEDED:
                self._paces.keep(ended, outcome.pace)
        else:
            ended = self._book.end(job, Status.CANCELED, **fields)
        self._book.announce_outputs(ended, outcome.update.finished)
        return Finished(accepted=True, record=ended)

    @_alone
    def requeue(self, held: Held) -> Verdict:
        job = self._book.jobs.get(held.job_id)
        if job is None:
            return Verdict.LOST
        account = self._book.accounts[job.id]
        if account.handed_back_by == held.claim_id:
            return Verdict.HELD
        if account.ended_by == held.claim_id and job.status is Status.CANCELED:
            return Verdict.CANCELING
        if self._book.held(held) is None:
            return Verdict.LOST
        if job.status is Status.CANCELING:
            account.ended_by = held.claim_id
            self._book.end(job, Status.CANCELED)
        else:
            account.handed_back_by = held.claim_id
            self._book.put_back(job, job.losses)
        return _verdict(job)

    @_alone
    def sweep(self, lease_ms: int, limit: int) -> Swept:
        now = self._now_ms()
        outage = self._swept_ms is None or now - self._swept_ms > lease_ms
        self._swept_ms = now
        late = [self._book.miss_deadline(job) for job in self._book.past_deadline()[:limit]]
        leases = sorted((until, job_id) for job_id, until in self._book.leases.items())
        if outage:
            short = [job_id for until, job_id in leases if until < now + lease_ms]
            self._book.leases.update(dict.fromkeys(short, now + lease_ms))
            lost = []
        else:
            short = []
            ran_out = [job_id for until, job_id in leases if until <= now][:limit]
            lost = [self._book.lose(self._book.jobs[job_id]) for job_id in ran_out]
        return Swept(
            requeued=_ids(lost, Status.QUEUED),
            lost=_ids(lost, Status.FAILED),
            canceled=_ids(lost, Status.CANCELED),
            expired=_ids(late, Status.EXPIRED),
            overdue=_ids(late, Status.FAILED),
            extended=len(short),
            queues=self.queues(),
            more=len(late) >= limit or len(lost) >= limit,
        )

    @_alone
    def delete(self, tenant: str, job_id: str) -> Deletion:
        return self._retention.delete(tenant, job_id)

    @_alone
    def retire(self, keep: Retention, lease_ms: int, limit: int) -> Retired:
        return self._retention.retire(keep, lease_ms, limit)

    @_alone
    def removed(self, prefixes: Sequence[str]) -> None:
        self._removals.removed(prefixes)

    @_alone
    def expect_asset(self, asset: NewAsset, patience_ms: int) -> AssetRecord | None:
        return self._assets.expect(asset, patience_ms)

    @_alone
    def keep_asset(self, asset: NewAsset) -> AssetRecord | None:
        return self._assets.keep(asset)

    @_alone
    def asset(self, tenant: str, asset_id: str) -> AssetRecord | None:
        return self._assets.get(tenant, asset_id)

    @_alone
    def recorded(self, job_ids: Sequence[str]) -> None:
        self._retention.recorded(job_ids)

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
                wake_length=self._wake_length(model),
                served=self._workers.serves(model),
                ready=self._book.ready(model),
            )
            for model, queue in sorted(self._book.queues.items())
            if (oldest := queue.oldest_ms) is not None
        )

    @_alone
    def claim_deliveries(self, request: DeliveryClaim) -> tuple[DeliveryRecord, ...]:
        return self._book.outbox.claim(request)

    @_alone
    def settle_delivery(self, told: Settlement) -> bool:
        return self._book.outbox.settle(told)

    @_alone
    def deliveries(self, tenant: str, job_id: str) -> tuple[DeliveryRecord, ...] | None:
        job = self._of_tenant(tenant, job_id)
        return None if job is None else self._book.outbox.of_job(job)

    @_alone
    def replay_delivery(self, tenant: str, delivery_id: str) -> DeliveryRecord | None:
        return self._book.outbox.replay(tenant, delivery_id)

    @_alone
    def paces(self) -> tuple[ModelPace, ...]:
        return self._paces.paces(self._workers.live())

    @_alone
    def pause_model(self, model: str, paused: bool) -> None:
        change = self._book.paused_models.add if paused else self._book.paused_models.discard
        change(model)

    @_alone
    def pause_tenant(self, tenant: str, paused: bool) -> None:
        self._book.pause_tenant(tenant, paused)

    @_alone
    def tenants(self) -> tuple[TenantRecord, ...]:
        return self._book.tenants()

    @_alone
    def stats(self) -> StoreStats:
        running = Counter(self._book.jobs[job_id].model for job_id in self._book.leases)
        return StoreStats(self.queues(), dict(running), self.workers(), frozenset(self._book.paused_models))

    def _of_tenant(self, tenant: str, job_id: str) -> JobRecord | None:
        job = self._book.jobs.get(job_id)
        return job if job and job.tenant == tenant else None

    def _place(self, job: JobRecord) -> QueuePlace | None:
        if job.status is not Status.QUEUED:
            return None
        ahead = self._book.queues[job.model].ahead(job.tenant, job.id)
        paused = job.model in self._book.paused_models or job.tenant in self._book.paused_tenants
        return QueuePlace(ahead, self._workers.serves(job.model), paused, self._book.cost_before(job, ahead))

    def _is_left_to_others(self, model: str, worker_id: str) -> bool:
        busy = {self._book.jobs[job_id].worker for job_id in self._book.leases} | {worker_id}
        return self._book.ready(model) <= len(set(self._workers.serving(model)) - busy)

    def _models_in_order(self, request: ClaimRequest) -> list[str]:
        oldest = {each.model: self._book.queues[each.model].oldest_ms for each in request.candidates}
        waiting = [
            (since, place, each.model)
            for place, each in enumerate(request.candidates)
            if (since := oldest[each.model]) is not None
            and not each.resident
            and self._now_ms() - since >= request.switch_after_ms
        ]
        first = [model for _, _, model in sorted(waiting)]
        order = first + [each.model for each in request.candidates if each.model not in first]
        return [model for model in order if model not in self._book.paused_models]


def _news(update: JobUpdate) -> dict[str, Any]:
    named = {field.name: getattr(update, field.name) for field in fields(update) if field.name != "finished"}
    return {name: value for name, value in named.items() if value is not None}


def _verdict(job: JobRecord | None) -> Verdict:
    """What a write met, by the job before the write; `None` if the claim does not hold it."""
    if job is None:
        return Verdict.LOST
    return Verdict.CANCELING if job.status is Status.CANCELING else Verdict.HELD


def _ids(jobs: list[JobRecord], status: Status) -> tuple[str, ...]:
    return tuple(job.id for job in jobs if job.status is status)
