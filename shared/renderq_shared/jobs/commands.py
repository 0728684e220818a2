"""Commands of the job store. Each is one atomic call as data: `record = store.call(commands.claim(request))`.

Every command is safe to repeat blindly. After a lost reply, the same command changes nothing further and returns the
same result.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

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

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Command(Generic[Result]):
    """One call of the job store: the name and the parameters of a function of this module."""

    name: str
    params: tuple[Any, ...] = ()
    is_durable: bool = False
    """True if a store that supports it replies only once the change is on disk."""


def submit(job: NewJob, limits: QueueLimits) -> Command[SubmitResult]:
    """Accept a job: idempotency key, limits, record, index and queue entry together. Idempotent by the job's id."""
    return Command("submit", (job, limits), is_durable=True)


def check_submission() -> Command[None]:
    """Change nothing, and fail while the server would refuse a submission."""
    return Command("check_submission")


def replay_submission(tenant: str, idempotency: Idempotency) -> Command[SubmitResult | None]:
    """Return the result of `submit` for a known idempotency key; `None` for a new one. Counts no wake-ups."""
    return Command("replay_submission", (tenant, idempotency))


def get_job(tenant: str, job_id: str) -> Command[tuple[JobRecord, QueuePosition | None] | None]:
    """Return a job and, while it is queued, its position. `None` if the tenant has no such job."""
    return Command("get_job", (tenant, job_id))


def page(
    tenant: str, job_filter: JobFilter, limit: int, scan_limit: int, after: JobPosition | None = None
) -> Command[JobPage]:
    """Return a tenant's jobs after `after`, newest first: at most `limit`, from the next `scan_limit` of its list.

    Following `JobPage.last` to the end returns every job exactly once that exists during the whole listing.
    """
    return Command("page", (tenant, job_filter, limit, scan_limit, after))


def cancel(tenant: str, job_id: str) -> Command[JobRecord | None]:
    """Cancel a job: queued → canceled, running → canceling; other states stay. Returns the record after the call."""
    return Command("cancel", (tenant, job_id))


def claim(request: ClaimRequest) -> Command[JobRecord | None]:
    """Claim the next job by fairness: queued → running under a new lease. `None` if no job may be claimed."""
    return Command("claim", (request,))


def renew(claim_refs: Sequence[ClaimRef], lease_ms: int) -> Command[tuple[FenceResult, ...]]:
    """Extend the leases of a worker's jobs. Returns one result per claim, in order."""
    return Command("renew", (claim_refs, lease_ms))


def progress(claim_ref: ClaimRef, update: JobUpdate) -> Command[ProgressResult]:
    """Write an update of a running job."""
    return Command("progress", (claim_ref, update))


def publish_preview(claim_ref: ClaimRef, preview_json: str) -> Command[bool]:
    """Publish a preview to current subscribers. Returns whether there are any.

    Refused unless the claim holds the job and the job is running, so that no preview follows the job's end.
    """
    return Command("publish_preview", (claim_ref, preview_json))


def finish(claim_ref: ClaimRef, outcome: Outcome) -> Command[FinishResult]:
    """End a job. Refused if the claim no longer holds it."""
    return Command("finish", (claim_ref, outcome))


def requeue(claim_ref: ClaimRef) -> Command[FenceResult]:
    """Release a job: running → queued at its old position, canceling → canceled. Not counted as a lost lease."""
    return Command("requeue", (claim_ref,))


def sweep(lease_ms: int, limit: int) -> Command[SweepResult]:
    """Expire jobs past their deadline; requeue or fail jobs whose lease expired. At most `limit` of each kind.

    After an outage (no sweep for longer than a lease, or a restart of the server) all leases are extended once and no
    job is requeued. Therefore a sweep must run at least every half lease. Several processes may sweep: each change is
    reported only to the call that made it.
    """
    return Command("sweep", (lease_ms, limit))


def delete(tenant: str, job_id: str) -> Command[DeleteResult]:
    """Delete an ended job. `apply_retention` then returns its images for removal until `confirm_deleted`."""
    return Command("delete", (tenant, job_id))


def apply_retention(retention: Retention, lease_ms: int, limit: int) -> Command[RetentionResult]:
    """Expire the outputs of old ended jobs, delete the oldest ones, and hand out work on the object store.

    That work is prefixes to remove and ended jobs whose manifests to write; at most `limit` of each kind.

    The record drops its images first, then the caller removes the files, then `confirm_deleted` clears the entry.
    After a crash at any point, no record names removed images, and images that no record names stay listed here.
    Each entry goes to the call that got it, and to another call after `lease_ms` without `confirm_deleted` or
    `confirm_manifests`. Prefixes are handed out once more an hour later, because a worker that had lost its
    connection may have written to them meanwhile.
    """
    return Command("apply_retention", (retention, lease_ms, limit))


def confirm_deleted(prefixes: Sequence[str]) -> Command[None]:
    """Confirm that the object store holds nothing below these prefixes."""
    return Command("confirm_deleted", (prefixes,))


def reserve_asset(asset: NewAsset, reservation_ttl_ms: int) -> Command[AssetRecord | None]:
    """Return the tenant's asset with this content and renew its retention, or reserve it for writing.

    `None` asks the caller to write the image to the object store and to call `commit_asset` within
    `reservation_ttl_ms`. After that the image is removed.
    """
    return Command("reserve_asset", (asset, reservation_ttl_ms))


def commit_asset(asset: NewAsset) -> Command[AssetRecord | None]:
    """Record a reserved asset that has been written. Returns another writer's asset if that one was first.

    `None` if the reservation has expired: the image is being removed.
    """
    return Command("commit_asset", (asset,))


def get_asset(tenant: str, asset_id: str) -> Command[AssetRecord | None]:
    """Return an asset; `None` if the tenant has no such asset."""
    return Command("get_asset", (tenant, asset_id))


def confirm_manifests(job_ids: Sequence[str]) -> Command[None]:
    """Confirm that the manifests of these jobs are in the object store."""
    return Command("confirm_manifests", (job_ids,))


def restore(job: JobRecord) -> Command[bool]:
    """Add an ended job from its manifest. Returns whether it was unknown; a known job stays unchanged."""
    return Command("restore", (job,))


def register(worker: WorkerRecord, ttl_ms: int) -> Command[None]:
    """List a worker for `ttl_ms`. The store sets `started_ms` and `seen_ms` itself."""
    return Command("register", (worker, ttl_ms))


def unregister(worker_id: str) -> Command[None]:
    """Remove a worker from the list."""
    return Command("unregister", (worker_id,))


def workers() -> Command[tuple[WorkerRecord, ...]]:
    """Return the live workers."""
    return Command("workers")


def queues() -> Command[tuple[ModelQueue, ...]]:
    """Return the queue of every model that has queued jobs."""
    return Command("queues")


def pause_model(model: str, is_paused: bool) -> Command[None]:
    """Pause or resume a model's queue. Running jobs continue; queued jobs keep their positions."""
    return Command("pause_model", (model, is_paused))


def pause_tenant(tenant: str, is_paused: bool) -> Command[None]:
    """Pause or resume a tenant in the queues of all models. It gets no compensation for the time it was paused."""
    return Command("pause_tenant", (tenant, is_paused))


def tenants() -> Command[tuple[TenantRecord, ...]]:
    """Return the tenants that have queued jobs or a weight, or are paused; by name."""
    return Command("tenants")


def stats() -> Command[StoreStats]:
    """Return queues, running jobs per model, workers and paused models."""
    return Command("stats")


def timings() -> Command[tuple[ModelTimings, ...]]:
    """Return the measured timings of every model that has ever had a job."""
    return Command("timings")


def claim_deliveries(request: DeliveryClaim) -> Command[tuple[DeliveryRecord, ...]]:
    """Claim due webhook deliveries, the longest overdue first."""
    return Command("claim_deliveries", (request,))


def complete_delivery(result: DeliveryResult) -> Command[bool]:
    """Record the result of a delivery attempt. Refused if the claim no longer holds the delivery."""
    return Command("complete_delivery", (result,))


def deliveries(tenant: str, job_id: str) -> Command[tuple[DeliveryRecord, ...] | None]:
    """Return a job's deliveries: start, images by index, end. `None` if the tenant has no such job."""
    return Command("deliveries", (tenant, job_id))


def replay_delivery(tenant: str, delivery_id: str) -> Command[DeliveryRecord | None]:
    """Make a delivery due now unless an attempt is in flight. `None` if the tenant has no such delivery."""
    return Command("replay_delivery", (tenant, delivery_id))
