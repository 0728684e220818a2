"""Encoding of each command as a call of the Lua script with its name: command → arguments, reply → result."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, TypeVarTuple

from renderq_shared.jobs import commands
from renderq_shared.jobs.asset_records import NewAsset
from renderq_shared.jobs.commands import Command
from renderq_shared.jobs.delivery_records import DeliveryClaim, DeliveryRecord, DeliveryResult
from renderq_shared.jobs.history import DeleteResult, JobFilter, JobPage, JobPosition, Retention, RetentionResult
from renderq_shared.jobs.lifetimes import CLAIM_TTL_MS, DELETION_TTL_MS, DELIVERY_TTL_MS, IDEMPOTENCY_KEY_TTL_MS
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
)
from renderq_shared.jobs.terminal_errors import DEADLINE_EXCEEDED_JSON, WORKER_LOST_JSON
from renderq_shared.jobs.timings import MAX_SAMPLES, ModelTimings
from renderq_shared.redis.scripts import Argument, ScriptCall, decode_nothing, flat_to_dict, load_script
from renderq_shared.redis.wakeup_queues import queue_name

Result = TypeVar("Result")
Params = TypeVarTuple("Params")
Arguments = tuple[Argument, ...]
Reply = list[Any]

_CODECS: dict[str, tuple[Callable[..., Arguments], Callable[[Any], Any]]] = {}


def script_call(command: Command[Result]) -> ScriptCall[Result]:
    """Encode a command as a call of its script."""
    encode, decode = _CODECS[command.name]
    return ScriptCall(load_script("renderq_shared.jobs.redis", command.name), encode(*command.params), decode)


def _register(
    command: Callable[[*Params], Command[Result]],
    encode: Callable[[*Params], Arguments],
    decode: Callable[[Any], Result],
) -> None:
    """Register the codec of a command. The type checker compares their parameters and results."""
    _CODECS[command.__name__] = encode, decode


# Arguments


def _unchanged(*params: Argument) -> Arguments:
    return params


def _spread(texts: Sequence[str]) -> Arguments:
    return tuple(texts)


def _submit(job: NewJob, limits: QueueLimits) -> Arguments:
    return (
        *(job.id, job.tenant, job.task, job.model, job.request_json),
        *(job.images, job.cost, job.priority, job.max_attempts, _optional(job.deadline_ms)),
        *(limits.total, limits.per_tenant, queue_name(job.model)),
        *((job.idempotency.key, job.idempotency.fingerprint) if job.idempotency else ("", "")),
        *(IDEMPOTENCY_KEY_TTL_MS, job.retried_from or "", " ".join(job.webhook_events), job.webhook_host, job.weight),
        " ".join(job.assets),
    )


def _replay(tenant: str, idempotency: Idempotency) -> Arguments:
    return (tenant, idempotency.key, idempotency.fingerprint)


def _page(tenant: str, job_filter: JobFilter, limit: int, scan_limit: int, after: JobPosition | None) -> Arguments:
    return (
        *(tenant, job_filter.status or "", job_filter.model or "", job_filter.task or ""),
        *(_optional(job_filter.created_after_ms), _optional(job_filter.created_before_ms)),
        *(limit, scan_limit),
        *((after.created_ms, after.job_id) if after else ("", "")),
    )


def _claim(request: ClaimRequest) -> Arguments:
    return (
        *(request.claim_id, request.worker, request.lease_ms),
        *(int(request.engine_empty), request.switch_after_ms, CLAIM_TTL_MS),
        *(argument for each in request.candidates for argument in (each.model, int(each.resident), int(each.prefetch))),
    )


def _claim_ref(claim_ref: ClaimRef) -> Arguments:
    return (claim_ref.job_id, claim_ref.claim_id)


def _renew(claim_refs: Sequence[ClaimRef], lease_ms: int) -> Arguments:
    return (lease_ms, *(argument for each in claim_refs for argument in _claim_ref(each)))


def _progress(claim_ref: ClaimRef, update: JobUpdate) -> Arguments:
    return (*_claim_ref(claim_ref), _indexes(update), *_update_fields(update))


def _publish_preview(claim_ref: ClaimRef, preview_json: str) -> Arguments:
    return (*_claim_ref(claim_ref), preview_json)


def _finish(claim_ref: ClaimRef, outcome: Outcome) -> Arguments:
    timing = outcome.timing
    return (
        *(*_claim_ref(claim_ref), outcome.status.value, outcome.error_json or "", _optional(outcome.cost)),
        _indexes(outcome.update),
        *((timing.device, timing.device_share_ms, timing.device_wall_ms, timing.load_ms) if timing else ("",) * 4),
        *(MAX_SAMPLES, *_update_fields(outcome.update)),
    )


def _sweep(lease_ms: int, limit: int) -> Arguments:
    return (lease_ms, limit, WORKER_LOST_JSON, DEADLINE_EXCEEDED_JSON)


def _delete(tenant: str, job_id: str) -> Arguments:
    return (tenant, job_id, DELETION_TTL_MS)


def _apply_retention(retention: Retention, lease_ms: int, limit: int) -> Arguments:
    lifetimes = (retention.outputs_ms, retention.jobs_ms, retention.assets_ms)
    return (*map(_optional, lifetimes), lease_ms, limit)


def _reserve_asset(asset: NewAsset, reservation_ttl_ms: int) -> Arguments:
    return (asset.tenant, asset.id, asset.prefix, reservation_ttl_ms)


def _commit_asset(asset: NewAsset) -> Arguments:
    return (
        *(asset.tenant, asset.id, asset.prefix),
        *("key", asset.key, "content_type", asset.content_type, "size_bytes", asset.size_bytes),
        *("width", asset.width, "height", asset.height),
    )


def _restore(job: JobRecord) -> Arguments:
    return tuple(text for pair in encode_job(job).items() for text in pair)


def _register_worker(worker: WorkerRecord, ttl_ms: int) -> Arguments:
    return (
        *(worker.id, ttl_ms, worker.device, json.dumps(worker.models), json.dumps(worker.resident_models)),
        *(worker.jobs, int(worker.draining), *worker.models),
    )


def _pause(name: str, is_paused: bool) -> Arguments:
    return (name, int(is_paused))


def _claim_deliveries(request: DeliveryClaim) -> Arguments:
    return (request.claim_id, request.lease_ms, request.limit)


def _complete_delivery(result: DeliveryResult) -> Arguments:
    return (
        *(result.delivery_id, result.claim_id, result.status.value, result.delay_ms, result.log_json),
        DELIVERY_TTL_MS,
    )


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


# Replies


def _submit_result(reply: Reply) -> SubmitResult:
    outcome, pending_wakeups, job, *position = reply
    return SubmitResult(SubmitOutcome(outcome), decode_job_or_none(job), pending_wakeups, _position(position))


def _replay_result(reply: Reply) -> SubmitResult | None:
    if not reply:
        return None
    outcome, job, *position = reply
    return SubmitResult(
        SubmitOutcome(outcome), decode_job_or_none(job), pending_wakeups=0, position=_position(position)
    )


def _job_and_position(reply: Reply) -> tuple[JobRecord, QueuePosition | None] | None:
    if not reply:
        return None
    job, *position = reply
    return decode_job(flat_to_dict(job)), _position(position)


def _job_page(reply: Reply) -> JobPage:
    jobs, *last = reply
    return JobPage(_jobs(jobs), JobPosition(int(last[0][0]), last[0][1]) if last else None)


def _fence_results(reply: Reply) -> tuple[FenceResult, ...]:
    return tuple(map(FenceResult, reply))


def _progress_result(reply: Reply) -> ProgressResult:
    return ProgressResult(FenceResult(reply[0]), has_preview_viewers=bool(reply[1]))


def _finish_result(reply: Reply) -> FinishResult:
    return FinishResult(bool(reply[0]), decode_job_or_none(reply[1]))


def _sweep_result(reply: Reply) -> SweepResult:
    *ids, extended, queues, more = reply
    return SweepResult(*map(tuple, ids), extended=extended, queues=_model_queues(queues), more=bool(more))


def _retention_result(reply: Reply) -> RetentionResult:
    *ids, manifests, more = reply
    return RetentionResult(*map(tuple, ids), manifests=_jobs(manifests), more=bool(more))


def _store_stats(reply: Reply) -> StoreStats:
    queues, running, workers, paused = reply
    return StoreStats(_model_queues(queues), dict(Counter(running)), _workers(workers), frozenset(paused))


def _workers(reply: Reply) -> tuple[WorkerRecord, ...]:
    return tuple(sorted(map(decode_worker, reply), key=lambda worker: worker.id))


def _model_queues(reply: Reply) -> tuple[ModelQueue, ...]:
    return tuple(sorted((decode_model_queue(*each) for each in reply), key=lambda queue: queue.model))


def _tenants(reply: Reply) -> tuple[TenantRecord, ...]:
    return tuple(sorted((decode_tenant(*each) for each in reply), key=lambda tenant: tenant.name))


def _timings(reply: Reply) -> tuple[ModelTimings, ...]:
    return tuple(sorted((decode_model_timings(*each) for each in reply), key=lambda timings: timings.model))


def _deliveries(reply: Reply) -> tuple[DeliveryRecord, ...]:
    return tuple(map(decode_delivery, reply))


def _deliveries_or_none(reply: Reply) -> tuple[DeliveryRecord, ...] | None:
    return _deliveries(reply[0]) if reply else None


def _delivery_or_none(reply: Reply) -> DeliveryRecord | None:
    return decode_delivery(reply) if reply else None


def _jobs(reply: Reply) -> tuple[JobRecord, ...]:
    return tuple(decode_job(flat_to_dict(flat)) for flat in reply)


def _position(reply: Reply) -> QueuePosition | None:
    return decode_queue_position(*reply[0]) if reply else None


_register(commands.submit, _submit, _submit_result)
_register(commands.check_submission, _unchanged, decode_nothing)
_register(commands.replay_submission, _replay, _replay_result)
_register(commands.get_job, _unchanged, _job_and_position)
_register(commands.page, _page, _job_page)
_register(commands.cancel, _unchanged, decode_job_or_none)
_register(commands.claim, _claim, decode_job_or_none)
_register(commands.renew, _renew, _fence_results)
_register(commands.progress, _progress, _progress_result)
_register(commands.publish_preview, _publish_preview, bool)
_register(commands.finish, _finish, _finish_result)
_register(commands.requeue, _claim_ref, FenceResult)
_register(commands.sweep, _sweep, _sweep_result)
_register(commands.delete, _delete, DeleteResult)
_register(commands.apply_retention, _apply_retention, _retention_result)
_register(commands.confirm_deleted, _spread, decode_nothing)
_register(commands.reserve_asset, _reserve_asset, decode_asset_or_none)
_register(commands.commit_asset, _commit_asset, decode_asset_or_none)
_register(commands.get_asset, _unchanged, decode_asset_or_none)
_register(commands.confirm_manifests, _spread, decode_nothing)
_register(commands.restore, _restore, bool)
_register(commands.register, _register_worker, decode_nothing)
_register(commands.unregister, _unchanged, decode_nothing)
_register(commands.workers, _unchanged, _workers)
_register(commands.queues, _unchanged, _model_queues)
_register(commands.pause_model, _pause, decode_nothing)
_register(commands.pause_tenant, _pause, decode_nothing)
_register(commands.tenants, _unchanged, _tenants)
_register(commands.stats, _unchanged, _store_stats)
_register(commands.timings, _unchanged, _timings)
_register(commands.claim_deliveries, _claim_deliveries, _deliveries)
_register(commands.complete_delivery, _complete_delivery, bool)
_register(commands.deliveries, _unchanged, _deliveries_or_none)
_register(commands.replay_delivery, _unchanged, _delivery_or_none)
