"""Arguments of each command's script."""

import json
from collections.abc import Sequence

from renderq_shared.jobs.archive_records import ArchivedRemoval, ArchivedVersion, Retention
from renderq_shared.jobs.asset_records import NewAsset
from renderq_shared.jobs.batch_records import NewBatch
from renderq_shared.jobs.claim_records import ClaimRef, ClaimRequest, JobUpdate, Outcome
from renderq_shared.jobs.delivery_records import DeliveryClaim, DeliveryRecord, DeliveryResult
from renderq_shared.jobs.lifetimes import (
    CLAIM_TTL_MS,
    DELETION_TTL_MS,
    IDEMPOTENCY_KEY_TTL_MS,
    PURGE_TTL_MS,
    VISITOR_COUNT_TTL_MS,
)
from renderq_shared.jobs.list_records import JobFilter, JobPosition
from renderq_shared.jobs.purge_records import PurgedJob, PurgeRecord
from renderq_shared.jobs.records import (
    Idempotency,
    JobRecord,
    MoveTarget,
    NewJob,
    QueueLimits,
    VisitorQuota,
    WorkerRecord,
)
from renderq_shared.jobs.redis.codec import encode_delivery, encode_job
from renderq_shared.jobs.terminal_errors import DEADLINE_EXCEEDED_JSON, WORKER_LOST_JSON
from renderq_shared.jobs.timings import MAX_SAMPLES
from renderq_shared.redis.scripts import Argument
from renderq_shared.redis.wakeup_queues import queue_name

Arguments = tuple[Argument, ...]


def unchanged(*params: Argument) -> Arguments:
    return params


def spread(texts: Sequence[str]) -> Arguments:
    return tuple(texts)


def submit(job: NewJob, limits: QueueLimits) -> Arguments:
    submission = _submission(limits, job.idempotency, job.weight)
    return (job.tenant, *submission, *_visitor(limits.visitor), *_new_job(job))


def submit_batch(batch: NewBatch, limits: QueueLimits) -> Arguments:
    return (
        *(batch.id, batch.tenant),
        *_submission(limits, batch.idempotency, batch.weight),
        *(argument for job in batch.jobs for argument in _new_job(job)),
    )


def _submission(limits: QueueLimits, idempotency: Idempotency | None, weight: float) -> Arguments:
    return (
        *(limits.total, limits.per_tenant),
        *((idempotency.key, idempotency.fingerprint) if idempotency else ("", "")),
        *(IDEMPOTENCY_KEY_TTL_MS, weight),
    )


def _visitor(quota: VisitorQuota | None) -> Arguments:
    if quota is None:
        return ("",) * 6
    return (
        *(quota.address, quota.jobs_per_address, quota.open_jobs, quota.total_open_jobs, quota.expires_ms),
        VISITOR_COUNT_TTL_MS,
    )


def _new_job(job: NewJob) -> Arguments:
    return (
        *(job.id, job.task, job.model, queue_name(job.model), job.request_json),
        *(job.images, job.cost, job.priority, job.max_attempts, _optional(job.deadline_ms)),
        *(job.retried_from or "", " ".join(job.webhook_events), job.webhook_host, " ".join(job.assets)),
        *(job.batch_id or "", job.batch_json or "", job.door or "", job.traceparent or ""),
    )


def replay(tenant: str, idempotency: Idempotency) -> Arguments:
    return (tenant, idempotency.key, idempotency.fingerprint)


def publish_archived(job: JobRecord) -> Arguments:
    return (json.dumps(encode_job(job)),)


def move(tenant: str, job_id: str, to: MoveTarget, other_id: str | None) -> Arguments:
    return (tenant, job_id, to.value, other_id or "")


def batches(tenant: str, limit: int, before: str | None) -> Arguments:
    return (tenant, limit, before or "")


def cancel_jobs(tenant: str, job_ids: Sequence[str], only_queued: bool) -> Arguments:
    return (tenant, int(only_queued), *job_ids)


def page(tenant: str, job_filter: JobFilter, limit: int, scan_limit: int, after: JobPosition | None) -> Arguments:
    return (
        *(tenant, job_filter.status or "", job_filter.model or "", job_filter.task or "", job_filter.batch_id or ""),
        *(_optional(job_filter.created_after_ms), _optional(job_filter.created_before_ms)),
        *(limit, scan_limit),
        *((after.created_ms, after.job_id) if after else ("", "")),
    )


def claim(request: ClaimRequest) -> Arguments:
    return (
        *(request.claim_id, request.worker, request.lease_ms),
        *(_engine_state(request), request.switch_after_ms, CLAIM_TTL_MS, " ".join(request.excluded)),
        *(argument for each in request.candidates for argument in (each.model, int(each.resident), int(each.prefetch))),
    )


def _engine_state(request: ClaimRequest) -> str:
    if request.engine_empty:
        return "empty"
    return "quarantined" if request.engine_quarantined else "shared"


def of_claim(claim_ref: ClaimRef) -> Arguments:
    return (claim_ref.job_id, claim_ref.claim_id)


def renew(claim_refs: Sequence[ClaimRef], lease_ms: int) -> Arguments:
    return (lease_ms, *(argument for each in claim_refs for argument in of_claim(each)))


def progress(claim_ref: ClaimRef, update: JobUpdate) -> Arguments:
    return (*of_claim(claim_ref), _indexes(update), *_update_fields(update))


def publish_preview(claim_ref: ClaimRef, preview_json: str) -> Arguments:
    return (*of_claim(claim_ref), preview_json)


def finish(claim_ref: ClaimRef, outcome: Outcome) -> Arguments:
    timing = outcome.timing
    return (
        *(*of_claim(claim_ref), outcome.status.value, outcome.error_json or "", _optional(outcome.cost)),
        _indexes(outcome.update),
        *((timing.device, timing.device_share_ms, timing.device_wall_ms, timing.load_ms) if timing else ("",) * 4),
        *(MAX_SAMPLES, *_update_fields(outcome.update)),
    )


def sweep(lease_ms: int, limit: int) -> Arguments:
    return (lease_ms, limit, WORKER_LOST_JSON, DEADLINE_EXCEEDED_JSON)


def delete(tenant: str, job_id: str, was_archived: bool) -> Arguments:
    return (tenant, job_id, DELETION_TTL_MS, int(was_archived))


def apply_retention(retention: Retention, lease_ms: int, limit: int) -> Arguments:
    return (_optional(retention.archived_ms), _optional(retention.assets_ms), lease_ms, limit)


def confirm_archived(versions: Sequence[ArchivedVersion]) -> Arguments:
    return tuple(argument for each in versions for argument in (each.job_id, each.version))


def remove_archived(removals: Sequence[ArchivedRemoval]) -> Arguments:
    return tuple(
        argument for each in removals for argument in (each.tenant, each.job_id, each.images, int(each.is_deleted))
    )


def annotate(tenant: str, job_id: str, kept: bool | None, labels_json: str | None) -> Arguments:
    return (tenant, job_id, "" if kept is None else int(kept), "" if labels_json is None else labels_json)


def reserve_asset(asset: NewAsset, reservation_ttl_ms: int) -> Arguments:
    return (asset.tenant, asset.id, asset.prefix, reservation_ttl_ms)


def commit_asset(asset: NewAsset, reservation_ttl_ms: int) -> Arguments:
    return (
        *(asset.tenant, asset.id, asset.prefix, reservation_ttl_ms),
        *("key", asset.key, "content_type", asset.content_type, "size_bytes", asset.size_bytes),
        *("width", asset.width, "height", asset.height),
        *(("recipe_json", asset.recipe_json) if asset.recipe_json else ()),
    )


def of_purge(purge: PurgeRecord, *params: Argument) -> Arguments:
    return (purge.tenant, purge.started_ms, *params)


def purge_jobs(purge: PurgeRecord, jobs: Sequence[PurgedJob]) -> Arguments:
    return (
        purge.tenant,
        *(argument for each in jobs for argument in (each.job_id, each.images, int(each.is_removed_again))),
    )


def complete_purge(purge: PurgeRecord) -> Arguments:
    return of_purge(purge, PURGE_TTL_MS)


def register_worker(worker: WorkerRecord, ttl_ms: int) -> Arguments:
    return (
        *(worker.id, ttl_ms, worker.device, json.dumps(worker.models), json.dumps(worker.resident_models)),
        *(worker.jobs, int(worker.draining), worker.run_id, _optional(worker.memory_bytes)),
        *(_optional(worker.device_memory_used_bytes), _optional(worker.device_memory_total_bytes)),
        *(json.dumps(worker.resident_loras), *worker.models),
    )


def pause(name: str, is_paused: bool) -> Arguments:
    return (name, int(is_paused))


def claim_deliveries(request: DeliveryClaim) -> Arguments:
    return (request.claim_id, request.lease_ms, request.limit)


def complete_delivery(result: DeliveryResult) -> Arguments:
    return (result.delivery_id, result.claim_id, result.status.value, result.delay_ms, result.log_json)


def replay_delivery(tenant: str, delivery_id: str, archived: DeliveryRecord | None) -> Arguments:
    return (tenant, delivery_id, json.dumps(encode_delivery(archived)) if archived else "")


def confirm_deliveries(deliveries: Sequence[DeliveryRecord]) -> Arguments:
    return tuple(argument for each in deliveries for argument in (each.id, each.log_json or ""))


def _optional(value: float | None) -> Argument:
    return "" if value is None else value


def _indexes(update: JobUpdate) -> str:
    return " ".join(map(str, update.finished))


def _update_fields(update: JobUpdate) -> tuple[str, ...]:
    named = {
        "stage": update.stage,
        "progress_json": update.progress_json,
        "outputs_json": update.outputs_json,
        "grid_json": update.grid_json,
        "warnings_json": update.warnings_json,
        "metrics_json": update.metrics_json,
        "runtime_json": update.runtime_json,
    }
    return tuple(text for name, value in named.items() if value is not None for text in (name, value))
