"""The pure core of both Redis stores: arguments → a call of one script, its reply → records."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

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
    SubmitOutcome,
    SubmitResult,
    SweepResult,
    TenantRecord,
    WorkerRecord,
)
from renderq_shared.jobs.redis.codec import (
    decode_asset_or_none,
    decode_delivery,
    decode_job,
    decode_job_or_none,
    decode_model_queue,
    decode_model_timings,
    decode_queue_position,
    decode_tenant,
    decode_worker,
    encode_job,
    flat_to_dict,
)
from renderq_shared.jobs.terminal_errors import DEADLINE_EXCEEDED_JSON, WORKER_LOST_JSON
from renderq_shared.jobs.timings import MAX_SAMPLES, ModelTimings
from renderq_shared.redis import scripts as redis_scripts
from renderq_shared.redis.scripts import Command, Script

IDEMPOTENCY_KEPT_MS = 24 * 3_600_000
"""How long an idempotency key stands for its job."""

CLAIM_REMEMBERED_MS = 120_000
"""How long a repeated claim finds its job: longer than `sync_client` retries one call."""

DELETION_REMEMBERED_MS = 120_000
"""How long a repeated deletion is answered like the first one: longer than clients retry by themselves."""

DELIVERY_KEPT_MS = 72 * 3_600_000
"""How long a delivery can be looked at and replayed after its end."""


def load_script(name: str) -> Script:
    return redis_scripts.load_script("renderq_shared.jobs.redis", name)


def submit(job: NewJob, limits: QueueLimits, wake_queue: str) -> Command[SubmitResult]:
    """`wake_queue` is the list that holds the model's wake-ups."""
    arguments = (
        *(job.id, job.tenant, job.task, job.model, job.request_json),
        *(job.images, job.cost, job.priority, job.max_attempts, "" if job.deadline_ms is None else job.deadline_ms),
        *(limits.total, limits.per_tenant, wake_queue),
        *((job.idempotency.key, job.idempotency.fingerprint) if job.idempotency else ("", "")),
        *(IDEMPOTENCY_KEPT_MS, job.retried_from or "", " ".join(job.webhook_events), job.webhook_host, job.weight),
        " ".join(job.assets),
    )
    return Command(
        load_script("submit"),
        arguments,
        lambda reply: SubmitResult(
            SubmitOutcome(reply[0]),
            decode_job_or_none(reply[2]),
            reply[1],
            decode_queue_position(*reply[3]) if len(reply) > 3 else None,
        ),
    )


def replay(tenant: str, idempotency: Idempotency) -> Command[SubmitResult | None]:
    def decode(reply: list[Any]) -> SubmitResult | None:
        if not reply:
            return None
        place = decode_queue_position(*reply[2]) if len(reply) > 2 else None
        return SubmitResult(SubmitOutcome(reply[0]), decode_job_or_none(reply[1]), pending_wakeups=0, position=place)

    return Command(load_script("replay"), (tenant, idempotency.key, idempotency.fingerprint), decode)


def get(tenant: str, job_id: str) -> Command[tuple[JobRecord, QueuePosition | None] | None]:
    def decode(reply: list[Any]) -> tuple[JobRecord, QueuePosition | None] | None:
        record = decode_job_or_none(reply[0]) if reply else None
        return (record, decode_queue_position(*reply[1]) if len(reply) > 1 else None) if record else None

    return Command(load_script("get"), (tenant, job_id), decode)


def page(tenant: str, wanted: JobFilter, limit: int, scan: int, after: JobPosition | None = None) -> Command[JobPage]:
    def decode(reply: list[Any]) -> JobPage:
        last = JobPosition(int(reply[1][0]), reply[1][1]) if len(reply) > 1 else None
        return JobPage(tuple(decode_job(flat_to_dict(flat)) for flat in reply[0]), last)

    arguments = (
        *(tenant, wanted.status or "", wanted.model or "", wanted.task or ""),
        *("" if ms is None else ms for ms in (wanted.created_after_ms, wanted.created_before_ms)),
        *(limit, scan),
        *((after.created_ms, after.job_id) if after else ("", "")),
    )
    return Command(load_script("page"), arguments, decode)


def cancel(tenant: str, job_id: str) -> Command[JobRecord | None]:
    return Command(load_script("cancel"), (tenant, job_id), decode_job_or_none)


def claim(request: ClaimRequest) -> Command[JobRecord | None]:
    arguments = (
        *(request.claim_id, request.worker, request.lease_ms),
        *(int(request.engine_empty), request.switch_after_ms, CLAIM_REMEMBERED_MS),
        *(argument for each in request.candidates for argument in (each.model, int(each.resident), int(each.prefetch))),
    )
    return Command(load_script("claim"), arguments, decode_job_or_none)


def renew(claim_refs: Sequence[ClaimRef], lease_ms: int) -> Command[tuple[FenceResult, ...]]:
    arguments = (lease_ms, *(argument for each in claim_refs for argument in (each.job_id, each.claim_id)))
    return Command(load_script("renew"), arguments, lambda reply: tuple(map(FenceResult, reply)))


def progress(claim_ref: ClaimRef, update: JobUpdate) -> Command[ProgressResult]:
    return Command(
        load_script("progress"),
        (claim_ref.job_id, claim_ref.claim_id, _indexes(update), *_update_fields(update)),
        lambda reply: ProgressResult(FenceResult(reply[0]), has_preview_viewers=bool(reply[1])),
    )


def publish_preview(claim_ref: ClaimRef, preview_json: str) -> Command[bool]:
    return Command(load_script("publish_preview"), (claim_ref.job_id, claim_ref.claim_id, preview_json), bool)


def finish(claim_ref: ClaimRef, outcome: Outcome) -> Command[FinishResult]:
    arguments = (
        *(claim_ref.job_id, claim_ref.claim_id, outcome.status.value, outcome.error_json or ""),
        "" if outcome.cost is None else outcome.cost,
        _indexes(outcome.update),
        *(
            (pace.device, pace.device_share_ms, pace.device_wall_ms, pace.load_ms)
            if (pace := outcome.timing)
            else ("",) * 4
        ),
        *(MAX_SAMPLES, *_update_fields(outcome.update)),
    )
    return Command(
        load_script("finish"), arguments, lambda reply: FinishResult(bool(reply[0]), decode_job_or_none(reply[1]))
    )


def requeue(claim_ref: ClaimRef) -> Command[FenceResult]:
    return Command(load_script("requeue"), (claim_ref.job_id, claim_ref.claim_id), FenceResult)


def sweep(lease_ms: int, limit: int) -> Command[SweepResult]:
    def decode(reply: list[Any]) -> SweepResult:
        *ids, extended, queues, more = reply
        return SweepResult(*map(tuple, ids), extended=extended, queues=_model_queues(queues), more=bool(more))

    return Command(load_script("sweep"), (lease_ms, limit, WORKER_LOST_JSON, DEADLINE_EXCEEDED_JSON), decode)


def delete(tenant: str, job_id: str) -> Command[DeleteResult]:
    return Command(load_script("delete"), (tenant, job_id, DELETION_REMEMBERED_MS), DeleteResult)


def apply_retention(keep: Retention, lease_ms: int, limit: int) -> Command[RetentionResult]:
    kept = ("" if ms is None else ms for ms in (keep.outputs_ms, keep.jobs_ms, keep.assets_ms))
    return Command(
        load_script("apply_retention"),
        (*kept, lease_ms, limit),
        lambda reply: RetentionResult(
            *map(tuple, reply[:4]),
            manifests=tuple(decode_job(flat_to_dict(flat)) for flat in reply[4]),
            more=bool(reply[5]),
        ),
    )


def confirm_deleted(prefixes: Sequence[str]) -> Command[None]:
    return Command(load_script("confirm_deleted"), tuple(prefixes), _nothing)


def reserve_asset(asset: NewAsset, reservation_ttl_ms: int) -> Command[AssetRecord | None]:
    arguments = (asset.tenant, asset.id, asset.prefix, reservation_ttl_ms)
    return Command(load_script("reserve_asset"), arguments, decode_asset_or_none)


def commit_asset(asset: NewAsset) -> Command[AssetRecord | None]:
    arguments = (
        *(asset.tenant, asset.id, asset.prefix),
        *("key", asset.key, "content_type", asset.content_type, "size_bytes", asset.size_bytes),
        *("width", asset.width, "height", asset.height),
    )
    return Command(load_script("commit_asset"), arguments, decode_asset_or_none)


def asset(tenant: str, asset_id: str) -> Command[AssetRecord | None]:
    return Command(load_script("asset"), (tenant, asset_id), decode_asset_or_none)


def confirm_manifests(job_ids: Sequence[str]) -> Command[None]:
    return Command(load_script("confirm_manifests"), tuple(job_ids), _nothing)


def restore(job: JobRecord) -> Command[bool]:
    fields = encode_job(job).items()
    return Command(load_script("restore"), tuple(text for pair in fields for text in pair), bool)


def register(worker: WorkerRecord, ttl_ms: int) -> Command[None]:
    arguments = (
        *(worker.id, ttl_ms, worker.device, json.dumps(worker.models), json.dumps(worker.resident_models)),
        *(worker.jobs, int(worker.draining), *worker.models),
    )
    return Command(load_script("register"), arguments, _nothing)


def unregister(worker_id: str) -> Command[None]:
    return Command(load_script("unregister"), (worker_id,), _nothing)


def workers() -> Command[tuple[WorkerRecord, ...]]:
    return Command(load_script("workers"), (), _workers)


def queues() -> Command[tuple[ModelQueue, ...]]:
    return Command(load_script("queues"), (), _model_queues)


def timings() -> Command[tuple[ModelTimings, ...]]:
    return Command(
        load_script("timings"),
        (),
        lambda reply: tuple(sorted((decode_model_timings(*each) for each in reply), key=lambda pace: pace.model)),
    )


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


def pause(kind: Literal["model", "tenant"], name: str, paused: bool) -> Command[None]:
    return Command(load_script("pause"), (kind, name, int(paused)), _nothing)


def tenants() -> Command[tuple[TenantRecord, ...]]:
    return Command(
        load_script("tenants"),
        (),
        lambda reply: tuple(sorted((decode_tenant(*each) for each in reply), key=lambda tenant: tenant.name)),
    )


def claim_deliveries(request: DeliveryClaim) -> Command[tuple[DeliveryRecord, ...]]:
    arguments = (request.claim_id, request.lease_ms, request.limit)
    return Command(load_script("claim_deliveries"), arguments, _deliveries)


def complete_delivery(result: DeliveryResult) -> Command[bool]:
    arguments = (
        *(result.delivery_id, result.claim_id, result.status.value, result.delay_ms, result.log_json),
        DELIVERY_KEPT_MS,
    )
    return Command(load_script("complete_delivery"), arguments, bool)


def deliveries(tenant: str, job_id: str) -> Command[tuple[DeliveryRecord, ...] | None]:
    return Command(load_script("deliveries"), (tenant, job_id), lambda reply: _deliveries(reply[0]) if reply else None)


def replay_delivery(tenant: str, delivery_id: str) -> Command[DeliveryRecord | None]:
    arguments = (tenant, delivery_id)
    return Command(load_script("replay_delivery"), arguments, lambda reply: decode_delivery(reply) if reply else None)


def _deliveries(reply: list[Any]) -> tuple[DeliveryRecord, ...]:
    return tuple(map(decode_delivery, reply))


def _indexes(update: JobUpdate) -> str:
    return " ".join(map(str, update.finished))


def stats() -> Command[StoreStats]:
    def decode(reply: list[Any]) -> StoreStats:
        queues, held, workers, paused = reply
        return StoreStats(_model_queues(queues), dict(Counter(held)), _workers(workers), frozenset(paused))

    return Command(load_script("stats"), (), decode)


def _workers(reply: list[Any]) -> tuple[WorkerRecord, ...]:
    return tuple(sorted(map(decode_worker, reply), key=_worker_id))


def _model_queues(reply: list[Any]) -> tuple[ModelQueue, ...]:
    return tuple(sorted((decode_model_queue(*each) for each in reply), key=lambda queue: queue.model))


def _worker_id(worker: WorkerRecord) -> str:
    return worker.id


def _nothing(reply: Any) -> None:
    return None
