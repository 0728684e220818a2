"""Jobs and their transitions in the in-memory store. Counterpart of `prelude.lua` and `job_queue.lua`."""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from renderq.contract import Status
from renderq_shared.jobs.claim_records import ClaimRef
from renderq_shared.jobs.memory.fair_queue import FairQueue, QueueEntry
from renderq_shared.jobs.memory.load import LoadTable
from renderq_shared.jobs.memory.outbox import EVENTS, MemoryOutbox
from renderq_shared.jobs.memory.removals import Removals
from renderq_shared.jobs.records import JobRecord, NewJob, TenantRecord
from renderq_shared.jobs.stored_results import decode_progress
from renderq_shared.jobs.sweep_records import EndedJob
from renderq_shared.jobs.terminal_errors import DEADLINE_EXCEEDED_JSON, WORKER_LOST_JSON
from renderq_shared.jobs.timings import round_cost

ATTEMPT_FIELDS = (
    "stage",
    "progress_json",
    "outputs_json",
    "grid_json",
    "warnings_json",
    "metrics_json",
    "runtime_json",
)
"""Fields that belong to one attempt; a requeue clears them."""


@dataclass(slots=True)
class JobAccounting:
    """Data of a job that is not in its record."""

    cost: float
    charge: float = 0.0
    """Charge of the last attempt in virtual time."""
    unstarted_losses: int = 0
    """Leases lost before rendering had started."""
    entry: QueueEntry | None = None
    """Place in the queue, if it was moved."""
    requeued_by: str | None = None
    ended_by: str | None = None
    """Claim ids of the last requeue and of the finish, so that a repeat gets the first result."""


class JobTable:
    """Jobs, queues and leases. Each transition is one method. The caller serializes calls."""

    def __init__(
        self,
        clock_ms: Callable[[], int],
        on_change: Callable[[JobRecord], None],
        on_cancel: Callable[[str, str], None],
        removals: Removals,
    ) -> None:
        self.now_ms = clock_ms
        self.jobs: dict[str, JobRecord] = {}
        self.accounts: dict[str, JobAccounting] = {}
        self.weights: dict[str, float] = {}
        self.paused_models: set[str] = set()
        self.paused_tenants: set[str] = set()
        self.chosen_models: dict[str, str] = {}
        """By tenant."""
        self.queues: defaultdict[str, FairQueue] = defaultdict(lambda: FairQueue(self.weights, self.paused_tenants))
        self.models: set[str] = set()
        """Models that have ever had a job."""
        self.leases: dict[str, int] = {}
        """Id of a running or canceling job → end of its lease."""
        self.unarchived: dict[str, int] = {}
        """Id of an ended job to write to the history → due time."""
        self.archived: dict[str, int] = {}
        """Id of a job that the history has → its end, or when to look again."""
        self.outbox = MemoryOutbox(clock_ms, has_job=self.jobs.__contains__)
        self.load = LoadTable(clock_ms)
        self.ended: list[EndedJob] = []
        """Ended jobs that no sweep has reported, the oldest first."""
        self._on_change = on_change
        self._on_cancel = on_cancel
        self._removals = removals
        self._sequence = 0

    def find_claimed(self, claim_ref: ClaimRef) -> JobRecord | None:
        """Return the job if this claim holds it."""
        job = self.jobs.get(claim_ref.job_id)
        return job if job and job.claim_id == claim_ref.claim_id and not job.status.is_terminal else None

    def queued(self, tenant: str | None = None) -> int:
        """Return the number of queued jobs, of one tenant or of all."""
        return sum(len(queue) if tenant is None else queue.queued(tenant) for queue in self.queues.values())

    def accept(self, new: NewJob) -> JobRecord:
        """nothing → queued"""
        self._sequence += 1
        now = self.now_ms()
        job = JobRecord(
            id=new.id,
            tenant=new.tenant,
            task=new.task,
            model=new.model,
            status=Status.QUEUED,
            version=0,
            request_json=new.request_json,
            images=new.images,
            priority=new.priority,
            sequence=self._sequence,
            created_ms=now,
            attempt=0,
            lost_leases=0,
            max_attempts=new.max_attempts,
            quarantined=False,
            deadline_at_ms=None if new.deadline_ms is None else now + new.deadline_ms,
            retried_from=new.retried_from,
            cost=new.cost,
            batch_id=new.batch_id,
            batch_json=new.batch_json,
            door=new.door,
            traceparent=new.traceparent,
        )
        self.models.add(job.model)
        self.weights[job.tenant] = new.weight
        self.accounts[job.id] = JobAccounting(new.cost)
        self.outbox.subscribe(job.id, new.webhook_events, new.webhook_host)
        self._enqueue(job)
        return self.update(job)

    def claim(self, job: JobRecord, claim_id: str, worker: str, lease_ms: int, *, in_turn: bool = True) -> JobRecord:
        """queued → running"""
        account = self.accounts[job.id]
        now = self.now_ms()
        account.charge = self.queues[job.model].take(job.tenant, job.id, account.cost, in_turn=in_turn)
        self.leases[job.id] = now + lease_ms
        return self.update(
            job, status=Status.RUNNING, attempt=job.attempt + 1, claim_id=claim_id, worker=worker, started_ms=now
        )

    def move(self, job: JobRecord, index: int) -> None:
        """Move a queued job to an index among those of its tenant and model."""
        for entry in self.queues[job.model].move(job.tenant, job.id, index):
            self.accounts[entry.job_id].entry = entry

    def cancel(self, job: JobRecord) -> JobRecord:
        """queued → canceled, running → canceling; other states stay"""
        if job.status is Status.QUEUED:
            return self.end(job, Status.CANCELED)
        if job.status is Status.RUNNING:
            job = self.update(job, status=Status.CANCELING)
            self._on_cancel(job.id, str(job.claim_id))
        return job

    def end(self, job: JobRecord, status: Status, **fields: Any) -> JobRecord:
        """any non-terminal status → the terminal `status`; the next sweep reports it"""
        ended = self.finish(job, status, **fields)
        self.ended.append(replace(EndedJob.of(ended), metrics_json=None))
        return ended

    def finish(self, job: JobRecord, status: Status, **fields: Any) -> JobRecord:
        """any non-terminal status → the terminal `status`; the worker reports it"""
        if job.status is Status.QUEUED:
            self.queues[job.model].dequeue(job.tenant, job.id)
        self.leases.pop(job.id, None)
        self.schedule_archive(job.id)
        self.load.count_end(status)
        return self.update(job, **{**fields, "status": status, "stage": None, "completed_ms": self.now_ms()})

    def requeue(self, job: JobRecord, lost_leases: int) -> JobRecord:
        """running → queued at the old position; the attempt is not charged"""
        del self.leases[job.id]
        self._removals.schedule(f"jobs/{job.id}/{job.claim_id}/")
        self.adjust_charge(job, 0.0)
        self._enqueue(job)
        return self.update(
            job,
            status=Status.QUEUED,
            lost_leases=lost_leases,
            quarantined=lost_leases > 0,
            claim_id=None,
            worker=None,
            **dict.fromkeys(ATTEMPT_FIELDS),
        )

    def lose_lease(self, job: JobRecord) -> JobRecord:
        """After a lost lease: canceling → canceled; running → queued, or failed at `max_attempts` lost leases.

        Only leases lost after the start of the rendering count, or before it after `max_attempts` such losses.
        """
        if job.status is Status.CANCELING:
            return self.end(job, Status.CANCELED)
        account, lost_leases = self.accounts[job.id], job.lost_leases + 1
        if job.stage is None and account.unstarted_losses < job.max_attempts:
            account.unstarted_losses += 1
            return self.requeue(job, job.lost_leases)
        if lost_leases >= job.max_attempts:
            return self.end(job, Status.FAILED, lost_leases=lost_leases, quarantined=True, error_json=WORKER_LOST_JSON)
        return self.requeue(job, lost_leases)

    def miss_deadline(self, job: JobRecord) -> JobRecord:
        """After the deadline: queued → expired, running → failed"""
        if job.status is Status.QUEUED:
            return self.end(job, Status.EXPIRED)
        self._on_cancel(job.id, str(job.claim_id))
        return self.end(job, Status.FAILED, error_json=DEADLINE_EXCEEDED_JSON)

    def past_deadline(self) -> list[JobRecord]:
        """Return queued and running jobs past their deadline, the earliest deadline first."""
        due = [
            (job.deadline_at_ms, job.id, job)
            for job in self.jobs.values()
            if job.status in {Status.QUEUED, Status.RUNNING}
            and job.deadline_at_ms is not None
            and job.deadline_at_ms <= self.now_ms()
        ]
        return [job for _, _, job in sorted(due, key=lambda each: each[:2])]

    def cost_ahead(self, queued: JobRecord, jobs_ahead: int) -> float:
        """Return the average cost of `jobs_ahead` queued jobs plus the remaining cost of running jobs."""
        of_model = [job for job in self.jobs.values() if job.model == queued.model]
        others = [job.cost for job in of_model if job.status is Status.QUEUED and job.id != queued.id]
        running = sum(
            job.cost * (1 - decode_progress(job.progress_json).fraction) for job in of_model if job.id in self.leases
        )
        return round_cost((jobs_ahead * sum(others) / len(others) if others else 0) + running)

    def pause_model(self, model: str, is_paused: bool) -> None:
        """Exclude a model's queue from claims, or include it again."""
        change = self.paused_models.add if is_paused else self.paused_models.discard
        change(model)

    def pause_tenant(self, tenant: str, is_paused: bool) -> None:
        """Remove a tenant from the turns of every model, or add it again."""
        if is_paused:
            self.paused_tenants.add(tenant)
        elif tenant in self.paused_tenants:
            self.paused_tenants.remove(tenant)
            for queue in self.queues.values():
                queue.activate_tenant(tenant)

    def claimable(self, model: str) -> int:
        """Return the number of a model's queued jobs that can be claimed."""
        return 0 if model in self.paused_models else self.queues[model].claimable

    def tenants(self) -> tuple[TenantRecord, ...]:
        """Return tenants that have queued jobs or a weight, or are paused."""
        queued = Counter(job.tenant for job in self.jobs.values() if job.status is Status.QUEUED)
        weighted = {tenant for tenant, weight in self.weights.items() if weight != 1}
        return tuple(
            TenantRecord(tenant, queued[tenant], self.weights.get(tenant, 1.0), tenant in self.paused_tenants)
            for tenant in sorted({*queued, *weighted, *self.paused_tenants})
        )

    def of_tenant(self, tenant: str) -> list[JobRecord]:
        return [job for job in self.jobs.values() if job.tenant == tenant]

    def is_paused(self, model: str, tenant: str) -> bool:
        """Return whether the operator has paused the model or the tenant."""
        return model in self.paused_models or tenant in self.paused_tenants

    def of_batch(self, tenant: str, batch_id: str) -> list[JobRecord]:
        """Return the jobs of a batch that are here, in the order of acceptance."""
        jobs = (job for job in self.of_tenant(tenant) if job.batch_id == batch_id)
        return sorted(jobs, key=lambda job: job.sequence)

    def forget_tenant(self, tenant: str) -> None:
        """Delete what fairness has noted of a tenant without jobs, and its chosen model."""
        self.weights.pop(tenant, None)
        self.chosen_models.pop(tenant, None)
        for queue in self.queues.values():
            queue.forget_tenant(tenant)

    def delete(self, job: JobRecord) -> None:
        """an ended job → no record"""
        del self.jobs[job.id], self.accounts[job.id]
        self.unarchived.pop(job.id, None)
        self.archived.pop(job.id, None)

    def schedule_archive(self, job_id: str) -> None:
        """Write an ended job to the history, again if it has changed."""
        self.unarchived[job_id] = self.now_ms()
        self.archived.pop(job_id, None)

    def adjust_charge(self, job: JobRecord, cost: float) -> None:
        """Replace the last attempt's charge by that of `cost`."""
        account = self.accounts[job.id]
        account.charge = self.queues[job.model].adjust_charge(job.tenant, cost, before=account.charge)

    def update(self, job: JobRecord, **fields: Any) -> JobRecord:
        """Write one change, increment the version, publish it, and put its event into the outbox."""
        changed = replace(job, version=job.version + 1, **fields)
        self.jobs[job.id] = changed
        self._on_change(changed)
        if "status" in fields and (event := EVENTS.get(changed.status)):
            self.outbox.enqueue_event(changed, event)
        return changed

    def enqueue_output_events(self, job: JobRecord, indexes: tuple[int, ...]) -> None:
        """Put an event per finished image into the outbox."""
        for index in indexes:
            self.outbox.enqueue_event(job, "job.output", index)

    def _enqueue(self, job: JobRecord) -> None:
        moved = self.accounts[job.id].entry
        entry = moved or QueueEntry.of(job.priority, job.sequence, job.id, job.created_ms)
        self.queues[job.model].enqueue(job.tenant, entry)
