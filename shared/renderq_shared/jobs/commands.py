"""Commands of the job store. Each is one atomic call as data: `record = store.call(commands.claim(request))`.

Every command is safe to repeat blindly. After a lost reply, the same command changes nothing further and returns the
same result.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from renderq.contract import Status
from renderq_shared.jobs.archive_records import (
    ArchivedRemoval,
    ArchivedVersion,
    ArchiveState,
    DeleteResult,
    Retention,
    RetentionResult,
)
from renderq_shared.jobs.asset_records import AssetRecord, NewAsset
from renderq_shared.jobs.batch_records import BatchResult, LiveBatch, NewBatch
from renderq_shared.jobs.claim_records import (
    ClaimRef,
    ClaimRequest,
    FenceResult,
    FinishResult,
    JobUpdate,
    Outcome,
    ProgressResult,
)
from renderq_shared.jobs.delivery_records import DeliveryClaim, DeliveryRecord, DeliveryResult
from renderq_shared.jobs.list_records import JobFilter, JobPage, JobPosition
from renderq_shared.jobs.purge_records import PurgedJob, PurgePage, PurgeRecord
from renderq_shared.jobs.records import (
    Idempotency,
    JobRecord,
    LoadMinute,
    ModelQueue,
    MoveResult,
    MoveTarget,
    NewJob,
    QueuedJob,
    QueueLimits,
    QueuePosition,
    StoreStats,
    SubmitResult,
    TenantRecord,
    WorkerRecord,
)
from renderq_shared.jobs.sweep_records import SweepResult
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


def submit_batch(batch: NewBatch, limits: QueueLimits) -> Command[BatchResult]:
    """Accept all jobs of a batch, or none. Idempotent by the batch's id, while the store has one of its jobs."""
    return Command("submit_batch", (batch, limits), is_durable=True)


def check_submission() -> Command[None]:
    """Change nothing, and fail while the server would refuse a submission."""
    return Command("check_submission")


def replay_submission(tenant: str, idempotency: Idempotency) -> Command[SubmitResult | None]:
    """Return the result of `submit` for a known idempotency key; `None` for a new one. Counts no wake-ups.

    For the key of a batch, `job_id` is the batch's id.
    """
    return Command("replay_submission", (tenant, idempotency))


def get_job(tenant: str, job_id: str) -> Command[tuple[JobRecord, QueuePosition | None] | None]:
    """Return a job and, while it is queued, its position. `None` if the tenant has no such job."""
    return Command("get_job", (tenant, job_id))


def queued_jobs(tenant: str, limit: int) -> Command[tuple[QueuedJob, ...]]:
    """Return a tenant's queued jobs with their positions, those with the fewest jobs ahead first; at most `limit`."""
    return Command("queued_jobs", (tenant, limit))


def page(
    tenant: str, job_filter: JobFilter, limit: int, scan_limit: int, after: JobPosition | None = None
) -> Command[JobPage]:
    """Return a tenant's jobs after `after`, newest first: at most `limit`, from the next `scan_limit` of its list.

    Following `JobPage.last` to the end returns every job exactly once that exists during the whole listing.
    """
    return Command("page", (tenant, job_filter, limit, scan_limit, after))


def get_batch(tenant: str, batch_id: str) -> Command[LiveBatch | None]:
    """Return what the store has of a batch; `None` if it has none of its jobs."""
    return Command("get_batch", (tenant, batch_id))


def batches(tenant: str, limit: int, before: str | None = None) -> Command[tuple[str, ...]]:
    """Return the ids of a tenant's batches that the store has jobs of, the newest first, from those before `before`."""
    return Command("batches", (tenant, limit, before))


def cancel(tenant: str, job_id: str) -> Command[JobRecord | None]:
    """Cancel a job: queued → canceled, running → canceling; other states stay. Returns the record after the call."""
    return Command("cancel", (tenant, job_id))


def cancel_jobs(tenant: str, job_ids: Sequence[str], only_queued: bool) -> Command[tuple[Status | None, ...]]:
    """Cancel jobs as `cancel` does, or only those that are queued. Returns the status of each after the call.

    `None`: the tenant has no such job here.
    """
    return Command("cancel_jobs", (tenant, job_ids, only_queued))


def move(tenant: str, job_id: str, to: MoveTarget, other_id: str | None = None) -> Command[MoveResult]:
    """Move a queued job among those of its tenant and model, also past others with a higher priority.

    It keeps the new place when it is requeued. `other_id`: the job to move before.
    """
    return Command("move", (tenant, job_id, to, other_id))


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

    After an outage (no sweep for longer than half a lease, or a restart of the server) all leases are extended once and
    no job is requeued. Therefore a sweep must run at least every third of a lease. Several processes may sweep: each
    change is reported only to the call that made it.
    """
    return Command("sweep", (lease_ms, limit))


def delete(tenant: str, job_id: str, was_archived: bool = False) -> Command[DeleteResult]:
    """Delete an ended job. `apply_retention` then returns its files for removal until `confirm_deleted`.

    `was_archived`: the history has just deleted it, so it counts as deleted even if the store has released it.
    """
    return Command("delete", (tenant, job_id, was_archived))


def apply_retention(retention: Retention, lease_ms: int, limit: int) -> Command[RetentionResult]:
    """Release archived jobs, delete unused assets, and hand out the work of the outbox; at most `limit` of each kind.

    That work is prefixes to remove from the object store, and ended jobs to archive: to write to the history and, as
    manifests, to the object store. A job is released only after `confirm_archived`, and while none of its deliveries
    is pending; then these are to be archived, too. Each entry goes to the call that got it, and to another call after
    `lease_ms` without `confirm_deleted`, `confirm_archived` or `confirm_deliveries`. The pause of a prefix doubles with
    each failed removal, up to an hour. Prefixes are handed out once more an hour later, because a worker that had lost
    its connection may have written to them meanwhile.
    """
    return Command("apply_retention", (retention, lease_ms, limit))


def confirm_deleted(prefixes: Sequence[str]) -> Command[None]:
    """Confirm that the object store holds nothing below these prefixes."""
    return Command("confirm_deleted", (prefixes,))


def reserve_asset(asset: NewAsset, reservation_ttl_ms: int) -> Command[AssetRecord | None]:
    """Return the tenant's asset with this content and renew its retention, or reserve it for writing.

    `None` asks the caller to write the image to the object store and to call `commit_asset` within
    `reservation_ttl_ms`. After that the image is removed. During a purge the tenant has no assets.
    """
    return Command("reserve_asset", (asset, reservation_ttl_ms))


def commit_asset(asset: NewAsset, reservation_ttl_ms: int) -> Command[AssetRecord | None]:
    """Record a reserved asset that has been written. Returns another writer's asset if that one was first.

    `None` if the reservation has expired, or was made before the end of a purge: the caller removes the image.
    """
    return Command("commit_asset", (asset, reservation_ttl_ms))


def get_asset(tenant: str, asset_id: str) -> Command[AssetRecord | None]:
    """Return an asset; `None` if the tenant has no such asset."""
    return Command("get_asset", (tenant, asset_id))


def confirm_archived(versions: Sequence[ArchivedVersion]) -> Command[None]:
    """Confirm that the history has these versions. A job that has changed since is handed out again."""
    return Command("confirm_archived", (versions,))


def remove_archived(removals: Sequence[ArchivedRemoval]) -> Command[None]:
    """Schedule the removal of the files of jobs whose images expired or that were deleted in the history.

    Also drops what the store still has of them: images, records, deliveries, references to assets.
    """
    return Command("remove_archived", (removals,))


def annotate(tenant: str, job_id: str, kept: bool | None, labels_json: str | None) -> Command[JobRecord | None]:
    """Set what is given of a job that the store has. Returns the job; `None` if it has no such job of the tenant."""
    return Command("annotate", (tenant, job_id, kept, labels_json))


def publish_archived(job: JobRecord) -> Command[None]:
    """Publish a job that only the history has, after a change there."""
    return Command("publish_archived", (job,))


def start_purge(tenant: str) -> Command[PurgeRecord]:
    """Begin to delete all data of a tenant, or return the purge that is in progress.

    From now on the tenant can submit and upload nothing, until `complete_purge`.
    """
    return Command("start_purge", (tenant,), is_durable=True)


def get_purge(tenant: str) -> Command[PurgeRecord | None]:
    """Return a tenant's purge that is in progress or ended within the last day."""
    return Command("get_purge", (tenant,))


def claim_purge(lease_ms: int) -> Command[PurgeRecord | None]:
    """Return the purge in progress that has waited longest. It goes to another call after `lease_ms`."""
    return Command("claim_purge", (lease_ms,))


def renew_purge(purge: PurgeRecord, lease_ms: int, jobs: int) -> Command[bool]:
    """Set the lease of a purge, and raise its number of deleted jobs to `jobs`. Returns whether it is in progress."""
    return Command("renew_purge", (purge, lease_ms, jobs))


def purge_page(purge: PurgeRecord, skip: int, limit: int) -> Command[PurgePage]:
    """Cancel the jobs of a purged tenant that have not ended, and return those that have; the oldest first.

    `skip`: number of jobs to leave out, because an earlier page had them. Empty if the purge has ended.
    """
    return Command("purge_page", (purge, skip, limit))


def purge_jobs(purge: PurgeRecord, jobs: Sequence[PurgedJob]) -> Command[None]:
    """Delete ended jobs whose files have been removed: records, deliveries, references to assets, removals.

    Jobs that only the history has are included, for what the store still has of them.
    """
    return Command("purge_jobs", (purge, jobs))


def purge_keys(purge: PurgeRecord, cursor: str, count: int) -> Command[str]:
    """Delete a tenant's idempotency keys, deletion markers and assets among about `count` keys of all tenants.

    Also claims of jobs that are gone. Returns the cursor of the next call; "0" begins and ends an iteration over all
    keys. The caller removes the files of the assets. No effect if the purge has ended.
    """
    return Command("purge_keys", (purge, cursor, count))


def complete_purge(purge: PurgeRecord) -> Command[bool]:
    """End a purge, and delete what fairness has noted of the tenant, and its chosen model.

    Returns false if the tenant has jobs here.
    """
    return Command("complete_purge", (purge,))


def register(worker: WorkerRecord, ttl_ms: int) -> Command[bool]:
    """List a worker for `ttl_ms`. The store sets `started_ms` and `seen_ms` itself.

    Returns whether `drain_worker` was called for this run of the worker.
    """
    return Command("register", (worker, ttl_ms))


def drain_worker(worker_id: str) -> Command[WorkerRecord | None]:
    """Tell a live worker to drain: from now on its process claims nothing. `None` if no such worker is alive.

    Applies to the running process (`run_id`), and is forgotten with its registration.
    """
    return Command("drain_worker", (worker_id,))


def unregister(worker_id: str) -> Command[None]:
    """Remove a worker from the list."""
    return Command("unregister", (worker_id,))


def register_api(process: str, history: str, ttl_ms: int) -> Command[tuple[str, ...]]:
    """Register an API process with the id of its history for `ttl_ms`.

    Returns the names of live API processes that have another history; the process is then not registered.
    """
    return Command("register_api", (process, history, ttl_ms))


def unregister_api(process: str) -> Command[None]:
    """Remove an API process from the registered ones."""
    return Command("unregister_api", (process,))


def archive_state() -> Command[ArchiveState]:
    """Return what waits for the history, and the live API processes with the histories that they use."""
    return Command("archive_state")


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


def choose_model(tenant: str, model: str) -> Command[None]:
    """Keep the model that a tenant has chosen, until it chooses another or all its data is deleted."""
    return Command("choose_model", (tenant, model))


def chosen_model(tenant: str) -> Command[str | None]:
    """Return the model that a tenant has chosen; `None` if it has chosen none."""
    return Command("chosen_model", (tenant,))


def tenants() -> Command[tuple[TenantRecord, ...]]:
    """Return the tenants that have queued jobs or a weight, or are paused; by name."""
    return Command("tenants")


def stats() -> Command[StoreStats]:
    """Return queues, running jobs per model, workers and paused models."""
    return Command("stats")


def load_minutes() -> Command[tuple[LoadMinute, ...]]:
    """Return the minutes of the last day in which there were jobs, as sweeps measured them, oldest first.

    The last one is the current minute.
    """
    return Command("load_minutes")


def timings() -> Command[tuple[ModelTimings, ...]]:
    """Return the measured timings of every model that has ever had a job."""
    return Command("timings")


def claim_deliveries(request: DeliveryClaim) -> Command[tuple[DeliveryRecord, ...]]:
    """Claim due webhook deliveries, the longest overdue first."""
    return Command("claim_deliveries", (request,))


def complete_delivery(result: DeliveryResult) -> Command[bool]:
    """Record the result of a delivery attempt. Refused if the claim no longer holds the delivery."""
    return Command("complete_delivery", (result,))


def deliveries(tenant: str, job_id: str, images: int) -> Command[tuple[DeliveryRecord, ...]]:
    """Return the deliveries of a job with that number of images: start, images by index, end."""
    return Command("deliveries", (tenant, job_id, images))


def replay_delivery(
    tenant: str, delivery_id: str, archived: DeliveryRecord | None = None
) -> Command[DeliveryRecord | None]:
    """Make a delivery due now unless an attempt is in flight. `None` if the tenant has no such delivery.

    `archived`: the delivery as the history has it, for the case that the store has it no longer.
    """
    return Command("replay_delivery", (tenant, delivery_id, archived))


def confirm_deliveries(deliveries: Sequence[DeliveryRecord]) -> Command[None]:
    """Confirm that the history has these ended deliveries. One that has been sent again since stays."""
    return Command("confirm_deliveries", (deliveries,))
