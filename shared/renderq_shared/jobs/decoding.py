"""Redis' flat text → records. What is absent there is `None` here."""

import json
from collections.abc import Mapping, Sequence

from pydantic import TypeAdapter

from renderq.contract import DeliveryStatus, Status, WebhookEventType
from renderq_shared.jobs.asset_records import AssetRecord
from renderq_shared.jobs.delivery_records import DeliveryRecord
from renderq_shared.jobs.paces import ModelPace, Pace, PaceSample, rounded_cost
from renderq_shared.jobs.records import JobRecord, ModelQueue, QueuePlace, TenantRecord, WorkerRecord

_NAMES = TypeAdapter(tuple[str, ...])
_EVENT: TypeAdapter[WebhookEventType] = TypeAdapter(WebhookEventType)


def pairs(flat: Sequence[str]) -> dict[str, str]:
    """`[field, value, field, value, …]` as a mapping."""
    return dict(zip(flat[::2], flat[1::2], strict=True))


def optional_job(flat: Sequence[str]) -> JobRecord | None:
    """A job as flat pairs; no pairs, no job."""
    return job_record(pairs(flat)) if flat else None


def job_record(fields: Mapping[str, str]) -> JobRecord:
    """A job's hash. Fields that are the store's own are left out."""
    losses = int(fields.get("losses", 0))
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
        losses=losses,
        attempts_max=int(fields["attempts_max"]),
        suspect=losses > 0,
        deadline_at_ms=_optional_int(fields.get("deadline_at_ms")),
        started_ms=_optional_int(fields.get("started_ms")),
        completed_ms=_optional_int(fields.get("completed_ms")),
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
        data_removed="data_removed" in fields,
    )


def optional_asset(flat: Sequence[str]) -> AssetRecord | None:
    """An asset as flat pairs; no pairs, no asset."""
    if not flat:
        return None
    fields = pairs(flat)
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
        holds=int(fields.get("holds", 0)),
    )


def delivery_record(flat: Sequence[str]) -> DeliveryRecord:
    fields = pairs(flat)
    return DeliveryRecord(
        id=fields["id"],
        job_id=fields["job_id"],
        tenant=fields["tenant"],
        event=_EVENT.validate_python(fields["event"]),
        status=DeliveryStatus(fields["status"]),
        created_ms=int(fields["created_ms"]),
        attempt=int(fields["attempt"]),
        record=job_record(json.loads(fields["job_json"])),
        due_ms=_optional_int(fields.get("due_ms")),
        claim_id=fields.get("claim_id"),
        log_json=fields.get("log_json"),
    )


def queue_place(ahead: int, served: int, paused: int, cost_before: str) -> QueuePlace:
    return QueuePlace(ahead, bool(served), bool(paused), rounded_cost(float(cost_before)))


def model_queue(model: str, queued: int, oldest_age_ms: int, wake_length: int, served: int, ready: int) -> ModelQueue:
    return ModelQueue(model, queued, oldest_age_ms, wake_length, bool(served), ready)


def tenant_record(name: str, queued: int, weight: str, paused: int) -> TenantRecord:
    return TenantRecord(name, queued, float(weight), bool(paused))


def model_pace(model: str, samples: Sequence[str], devices: Sequence[str], warm: int) -> ModelPace:
    return ModelPace(model, tuple(map(_sample, samples)), tuple(sorted(devices)), bool(warm))


def _sample(text: str) -> PaceSample:
    busy_ms, alone_ms, load_ms, wall_ms, cost, images, device = text.split(" ", 6)
    pace = Pace(device, int(busy_ms), int(alone_ms), int(load_ms))
    return PaceSample(pace, float(cost), int(images), int(wall_ms))


def worker_record(flat: Sequence[str]) -> WorkerRecord:
    fields = pairs(flat)
    return WorkerRecord(
        id=fields["id"],
        device=fields["device"],
        models=_NAMES.validate_json(fields["models_json"]),
        resident_models=_NAMES.validate_json(fields["resident_models_json"]),
        jobs=int(fields["jobs"]),
        draining=fields["draining"] == "1",
        started_ms=int(fields["started_ms"]),
        seen_ms=int(fields["seen_ms"]),
    )


def _optional_int(text: str | None) -> int | None:
    return None if text is None else int(text)
