"""Conversion between Redis hashes and records. An absent field is `None`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields

from pydantic import TypeAdapter

from renderq.contract import DeliveryStatus, Status, WebhookEventType
from renderq_shared.errors import RecordUnreadable
from renderq_shared.jobs.asset_records import AssetRecord
from renderq_shared.jobs.delivery_records import DeliveryRecord
from renderq_shared.jobs.purge_records import PurgeRecord
from renderq_shared.jobs.records import JobRecord, ModelQueue, QueuePosition, TenantRecord, WorkerRecord
from renderq_shared.jobs.sweep_records import EndedJob, error_code
from renderq_shared.jobs.timings import JobTiming, ModelTimings, TimingSample, round_cost
from renderq_shared.redis.scripts import flat_to_dict, optional_int

_DERIVED = frozenset({"quarantined", "unknown_fields"})

_INTERNAL = frozenset(
    {
        "assets",
        "charge",
        "ended_by",
        "place",
        "remaining_cost",
        "requeued_by",
        "unstarted_losses",
        "webhook_events",
        "webhook_host",
    }
)
"""Fields of a job that only the scripts use."""

_KNOWN = frozenset(field.name for field in fields(JobRecord)) | _INTERNAL

_NAMES = TypeAdapter(tuple[str, ...])
_TEXTS = TypeAdapter(list[str])
_LORAS = TypeAdapter(dict[str, tuple[str, ...]])
_EVENT: TypeAdapter[WebhookEventType] = TypeAdapter(WebhookEventType)


def decode_job_or_none(flat: Sequence[str]) -> JobRecord | None:
    """Decode a job from flat pairs; `None` if there are none."""
    return decode_job(flat_to_dict(flat)) if flat else None


def decode_job(fields: Mapping[str, str]) -> JobRecord:
    """Decode a job's hash. Fields that only the scripts use are ignored. Raises `RecordUnreadable`."""
    try:
        return _job(fields)
    except (KeyError, ValueError) as error:
        raise RecordUnreadable(fields.get("id"), repr(error)) from error


def _job(fields: Mapping[str, str]) -> JobRecord:
    lost_leases = int(fields.get("lost_leases", 0))
    return JobRecord(
        id=fields["id"],
        tenant=fields["tenant"],
        task=fields["task"],
        model=fields["model"],
        status=Status(fields["status"]),
        version=int(fields["version"]),
        request_json=fields["request_json"],
        images=int(fields["images"]),
        priority=int(fields["priority"]),
        sequence=int(fields["sequence"]),
        created_ms=int(fields["created_ms"]),
        attempt=int(fields.get("attempt", 0)),
        lost_leases=lost_leases,
        max_attempts=int(fields["max_attempts"]),
        quarantined=lost_leases > 0,
        deadline_at_ms=optional_int(fields.get("deadline_at_ms")),
        started_ms=optional_int(fields.get("started_ms")),
        completed_ms=optional_int(fields.get("completed_ms")),
        claim_id=fields.get("claim_id"),
        worker=fields.get("worker"),
        stage=fields.get("stage"),
        progress_json=fields.get("progress_json"),
        outputs_json=fields.get("outputs_json"),
        grid_json=fields.get("grid_json"),
        error_json=fields.get("error_json"),
        warnings_json=fields.get("warnings_json"),
        metrics_json=fields.get("metrics_json"),
        runtime_json=fields.get("runtime_json"),
        retried_from=fields.get("retried_from"),
        cost=float(fields.get("cost", 0)),
        outputs_expired="outputs_expired" in fields,
        kept="kept" in fields,
        labels_json=fields.get("labels_json"),
        batch_id=fields.get("batch_id"),
        batch_json=fields.get("batch_json"),
        door=fields.get("door"),
        traceparent=fields.get("traceparent"),
        unknown_fields=tuple(sorted((name, text) for name, text in fields.items() if name not in _KNOWN)),
    )


def decode_asset_or_none(flat: Sequence[str]) -> AssetRecord | None:
    """Decode an asset from flat pairs; `None` if there are none."""
    if not flat:
        return None
    fields = flat_to_dict(flat)
    return AssetRecord(
        id=fields["id"],
        tenant=fields["tenant"],
        key=fields["key"],
        content_type=fields["content_type"],
        width=int(fields["width"]),
        height=int(fields["height"]),
        size_bytes=int(fields["size_bytes"]),
        created_ms=int(fields["created_ms"]),
        used_ms=int(fields["used_ms"]),
        reference_count=int(fields.get("reference_count", 0)),
        recipe_json=fields.get("recipe_json"),
    )


def decode_ended_job(entry: str) -> EndedJob:
    """Decode an entry of `rq:unreported`. Raises `RecordUnreadable`."""
    try:
        id, tenant, model, task, status, attempt, created_ms, started_ms, completed_ms, error_json = (
            _TEXTS.validate_json(entry)
        )
        return EndedJob(
            id=id,
            tenant=tenant,
            model=model,
            task=task,
            status=Status(status),
            attempt=int(attempt),
            created_ms=int(created_ms),
            started_ms=optional_int(started_ms or None),
            completed_ms=int(completed_ms),
            error_code=error_code(error_json),
        )
    except ValueError as error:
        raise RecordUnreadable(None, repr(error)) from error


def decode_delivery(fields: Mapping[str, str]) -> DeliveryRecord:
    return DeliveryRecord(
        id=fields["id"],
        job_id=fields["job_id"],
        tenant=fields["tenant"],
        host=fields["host"],
        event=_EVENT.validate_python(fields["event"]),
        status=DeliveryStatus(fields["status"]),
        created_ms=int(fields["created_ms"]),
        attempt=int(fields["attempt"]),
        record=decode_job(json.loads(fields["job_json"])),
        due_ms=optional_int(fields.get("due_ms")),
        claim_id=fields.get("claim_id"),
        log_json=fields.get("log_json"),
    )


def decode_purge(tenant: str, flat: Sequence[str]) -> PurgeRecord:
    fields = flat_to_dict(flat)
    return PurgeRecord(
        tenant=tenant,
        started_ms=int(fields["started_ms"]),
        completed_ms=optional_int(fields.get("completed_ms")),
        jobs=int(fields.get("jobs", 0)),
        assets=int(fields.get("assets", 0)),
    )


def decode_queue_position(jobs_ahead: int, has_worker: int, paused: int, cost_ahead: str) -> QueuePosition:
    return QueuePosition(jobs_ahead, bool(has_worker), bool(paused), round_cost(float(cost_ahead)))


def decode_model_queue(
    model: str, queued: int, oldest_age_ms: int, pending_wakeups: int, has_worker: int, claimable: int
) -> ModelQueue:
    return ModelQueue(model, queued, oldest_age_ms, pending_wakeups, bool(has_worker), claimable)


def decode_tenant(name: str, queued: int, weight: str, paused: int) -> TenantRecord:
    return TenantRecord(name, queued, float(weight), bool(paused))


def decode_model_timings(model: str, samples: Sequence[str], devices: Sequence[str], warm: int) -> ModelTimings:
    return ModelTimings(model, tuple(map(_sample, samples)), tuple(sorted(devices)), bool(warm))


def _sample(text: str) -> TimingSample:
    device_share_ms, device_wall_ms, load_ms, wall_ms, cost, images, device = text.split(" ", 6)
    timing = JobTiming(device, int(device_share_ms), int(device_wall_ms), int(load_ms))
    return TimingSample(timing, float(cost), int(images), int(wall_ms))


def decode_worker(flat: Sequence[str]) -> WorkerRecord:
    """Raises `RecordUnreadable`, `KeyError` and `ValueError`."""
    fields = flat_to_dict(flat)
    if fields.keys() == {"id"}:
        raise RecordUnreadable(fields["id"], "its key rq:worker:ID has a value that renderq did not write; delete it")
    return WorkerRecord(
        id=fields["id"],
        device=fields["device"],
        models=_NAMES.validate_json(fields["models_json"]),
        resident_models=_NAMES.validate_json(fields["resident_models_json"]),
        jobs=int(fields["jobs"]),
        draining=fields["draining"] == "1",
        started_ms=int(fields["started_ms"]),
        seen_ms=int(fields["seen_ms"]),
        run_id=fields.get("run_id", ""),
        memory_bytes=optional_int(fields.get("memory_bytes") or None),
        device_memory_used_bytes=optional_int(fields.get("device_memory_used_bytes") or None),
        device_memory_total_bytes=optional_int(fields.get("device_memory_total_bytes") or None),
        resident_loras=_LORAS.validate_json(fields.get("resident_loras_json", "{}")),
    )


def encode_job(job: JobRecord) -> dict[str, str]:
    """Encode a job as its hash, without derived and absent fields."""
    named = {field.name: getattr(job, field.name) for field in fields(job) if field.name not in _DERIVED}
    known = {name: _text(value) for name, value in named.items() if value is not None and value is not False}
    return {**dict(job.unknown_fields), **known}


def encode_delivery(delivery: DeliveryRecord) -> dict[str, str]:
    """Encode an ended delivery as its hash, without absent fields."""
    encoded = {
        "id": delivery.id,
        "job_id": delivery.job_id,
        "tenant": delivery.tenant,
        "host": delivery.host,
        "event": delivery.event,
        "status": str(delivery.status),
        "created_ms": str(delivery.created_ms),
        "attempt": str(delivery.attempt),
        "job_json": json.dumps(encode_job(delivery.record), separators=(",", ":"), sort_keys=True),
    }
    return encoded if delivery.log_json is None else {**encoded, "log_json": delivery.log_json}


def _text(value: object) -> str:
    return "1" if value is True else str(value)
