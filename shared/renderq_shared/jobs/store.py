"""The job store: every change of a job's state is one call, atomic and safe to repeat blindly."""

from collections.abc import Sequence
from typing import Protocol

from renderq_shared.jobs.asset_records import AssetRecord, NewAsset
from renderq_shared.jobs.delivery_records import DeliveryClaim, DeliveryRecord, DeliveryResult
from renderq_shared.jobs.history import DeleteResult, JobFilter, JobPage, JobPosition, Retention, RetentionResult
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
    SubmitResult,
    SweepResult,
    TenantRecord,
    WorkerRecord,
)
from renderq_shared.jobs.timings import ModelTimings


class JobStore(Protocol):
    """The truth about jobs.

    A repeat of any call with the same arguments (a lost reply, a client that retries by itself) changes nothing
    further and answers the same. Raises `StoreUnavailable` when the server does not answer.
    """

    def submit(self, job: NewJob, limits: QueueLimits) -> SubmitResult:
        """Accept a job: idempotency, limits, record, index and queue entry together. Keyed by the job's id."""
        ...

    def replay(self, tenant: str, idempotency: Idempotency) -> SubmitResult | None:
        """What `submit` would answer to a key that it knows; `None` for a new one. Counts no wake-ups."""
        ...

    def get(self, tenant: str, job_id: str) -> tuple[JobRecord, QueuePosition | None] | None:
        """The job and, while it is queued, its place. `None` for what this tenant never had."""
        ...

    def page(self, tenant: str, wanted: JobFilter, limit: int, scan: int, after: JobPosition | None = None) -> JobPage:
        """A tenant's jobs, newest first, behind `after`: at most `limit`, of the next `scan` in the list.

        Whoever follows `JobPage.last` to the end sees every job once that was there at the beginning and still is.
        """
        ...

    def cancel(self, tenant: str, job_id: str) -> JobRecord | None:
        """queued → canceled, running → canceling; anything else stays. The record after the call."""
        ...

    def claim(self, request: ClaimRequest) -> JobRecord | None:
        """Give a worker the next job by fairness, or nothing: queued → running under a new lease."""
        ...

    def renew(self, claim_refs: Sequence[ClaimRef], lease_ms: int) -> tuple[FenceResult, ...]:
        """Extend the leases of all jobs that a worker holds; one verdict each, in order."""
        ...

    def progress(self, claim_ref: ClaimRef, update: JobUpdate) -> ProgressResult:
        """Write news of a running job."""
        ...

    def publish_preview(self, claim_ref: ClaimRef, preview_json: str) -> bool:
        """Show a preview to whoever looks just now; whether anybody does. Refused unless the claim holds the job and
        the job is running, so that no preview comes after its end."""
        ...

    def finish(self, claim_ref: ClaimRef, outcome: Outcome) -> FinishResult:
        """End a job. Refused when the claim no longer holds it."""
        ...

    def requeue(self, claim_ref: ClaimRef) -> FenceResult:
        """Hand a job back: running → queued at its old place, canceling → canceled. Counts as no loss."""
        ...

    def sweep(self, lease_ms: int, limit: int) -> SweepResult:
        """Put back or end what lost its lease or passed its deadline: at most `limit` jobs of each kind.

        After an outage (the last sweep was more than a lease ago, or the server has restarted) all leases are
        extended once and nothing is put back. So somebody has to sweep at least every half lease. Several may; each
        change is told to the one whose call made it.
        """
        ...

    def delete(self, tenant: str, job_id: str) -> DeleteResult:
        """Forget an ended job; its pictures are given out by `apply_retention`, until somebody says that they are removed."""
        ...

    def apply_retention(self, keep: Retention, lease_ms: int, limit: int) -> RetentionResult:
        """Empty and forget jobs that ended long ago, and give out jobs whose pictures are to be removed, and ended
        jobs whose manifests are to be written: at most `limit` of each kind.

        First the record stops naming the pictures, then somebody removes them, then `confirm_deleted` strikes them off: a
        record never names pictures that are gone, and pictures that no record names are noted here, whoever crashes
        when. Each job is given to the one whose call got it, and to another one after `lease_ms` without `confirm_deleted` or
        `confirm_manifests`; for removal once more an hour later, for what a worker that was cut off has written meanwhile.
        """
        ...

    def confirm_deleted(self, prefixes: Sequence[str]) -> None:
        """Nothing is left below these prefixes in the object store."""
        ...

    def reserve_asset(self, asset: NewAsset, reservation_ttl_ms: int) -> AssetRecord | None:
        """Ask before a picture is written to the object store. What the tenant has already begins a new life.

        `None` asks the caller to write it, and then to call `commit_asset` within `reservation_ttl_ms`, else it is removed.
        """
        ...

    def commit_asset(self, asset: NewAsset) -> AssetRecord | None:
        """Keep what was expected and is written; the asset may be another writer's who was first.

        `None` if it came too late: what was written is being removed.
        """
        ...

    def asset(self, tenant: str, asset_id: str) -> AssetRecord | None:
        """An asset; `None` for what this tenant does not have."""
        ...

    def confirm_manifests(self, job_ids: Sequence[str]) -> None:
        """The manifests of these jobs are in the object store."""
        ...

    def restore(self, job: JobRecord) -> bool:
        """Take an ended job back, as its manifest tells it. What is known stays as it is; whether it was unknown."""
        ...

    def register(self, worker: WorkerRecord, ttl_ms: int) -> None:
        """A worker describes itself and stays listed for `ttl_ms`; `started_ms` and `seen_ms` are kept by the store."""
        ...

    def unregister(self, worker_id: str) -> None:
        """A worker says goodbye."""
        ...

    def workers(self) -> tuple[WorkerRecord, ...]:
        """Live workers."""
        ...

    def queues(self) -> tuple[ModelQueue, ...]:
        """Every model that has queued jobs."""
        ...

    def pause_model(self, model: str, paused: bool) -> None:
        """Give out none of a model's jobs, or go on with it. What runs goes on; what waits keeps its place."""
        ...

    def pause_tenant(self, tenant: str, paused: bool) -> None:
        """The same for a tenant's jobs of every model. What it was not given meanwhile is not made up for."""
        ...

    def tenants(self) -> tuple[TenantRecord, ...]:
        """Tenants that have queued jobs or a weight, or are paused; by name."""
        ...

    def stats(self) -> StoreStats:
        """What waits, what is being rendered, and who renders."""
        ...

    def timings(self) -> tuple[ModelTimings, ...]:
        """How fast each model is rendered that ever had a job, and how much is before a job of it that waits."""
        ...

    def claim_deliveries(self, request: DeliveryClaim) -> tuple[DeliveryRecord, ...]:
        """Give a sender of webhooks what is due, the longest overdue first."""
        ...

    def complete_delivery(self, result: DeliveryResult) -> bool:
        """Tell what came of an attempt. Refused when the claim no longer holds the delivery."""
        ...

    def deliveries(self, tenant: str, job_id: str) -> tuple[DeliveryRecord, ...] | None:
        """A job's deliveries: the start, pictures by index, the end. `None` for what this tenant never had."""
        ...

    def replay_delivery(self, tenant: str, delivery_id: str) -> DeliveryRecord | None:
        """Make a delivery due now, unless it is just being sent. `None` for what this tenant does not have."""
        ...
