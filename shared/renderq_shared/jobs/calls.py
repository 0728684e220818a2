"""The pure core of both Redis stores: arguments → a call of one script, its reply → records."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from renderq_shared.jobs.asset_records import AssetRecord, NewAsset
from renderq_shared.jobs.decoding import (
    delivery_record,
    job_record,
    model_pace,
    model_queue,
    optional_asset,
    optional_job,
    pairs,
    queue_place,
    tenant_record,
    worker_record,
)
from renderq_shared.jobs.delivery_records import DeliveryClaim, DeliveryRecord, Settlement
from renderq_shared.jobs.encoding import job_fields
from renderq_shared.jobs.failures import DEADLINE_EXCEEDED_JSON, WORKER_LOST_JSON
from renderq_shared.jobs.history import Deletion, JobFilter, JobPage, JobPosition, Retention, Retired
from renderq_shared.jobs.paces import SAMPLES_MAX, ModelPace
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
from renderq_shared.jobs.scripts import Script, load_script

IDEMPOTENCY_KEPT_MS = 24 * 3_600_000
"""How long an idempotency key stands for its job."""

CLAIM_REMEMBERED_MS = 120_000
"""How long a repeated claim finds its job: longer than `sync_client` retries one call."""

DELETION_REMEMBERED_MS = 120_000
"""How long a repeated deletion is answered like the first one: longer than clients retry by themselves."""

DELIVERY_KEPT_MS = 72 * 3_600_000
"""How long a delivery can be looked at and replayed after its end."""

Answer = TypeVar("Answer")
Argument = str | int | float


@dataclass(frozen=True, slots=True)
class Call(Generic[Answer]):
    """One round trip: a script, its arguments, and how to read its reply."""

    script: Script
    arguments: tuple[Argument, ...]
    read: Callable[[Any], Answer]


def submit(job: NewJob, bounds: Bounds, wake_queue: str) -> Call[Submitted]:
    """`wake_queue` is the list that holds the model's wake-ups."""
    arguments = (
        *(job.id, job.tenant, job.task, job.model, job.request_json),
        *(job.images, job.cost, job.priority, job.attempts_max, "" if job.deadline_ms is None else job.deadline_ms),
        *(bounds.total, bounds.per_tenant, wake_queue),
        *((job.idempotency.key, job.idempotency.fingerprint) if job.idempotency else ("", "")),
        *(IDEMPOTENCY_KEPT_MS, job.retried_from or "", " ".join(job.webhook_events), job.webhook_host, job.weight),
        " ".join(job.assets),
    )
    return Call(
        load_script("submit"),
        arguments,
        lambda reply: Submitted(
            Submission(reply[0]), optional_job(reply[2]), reply[1], queue_place(*reply[3]) if len(reply) > 3 else None
        ),
    )


def replay(tenant: str, idempotency: Idempotency) -> Call[Submitted | None]:
    def read(reply: list[Any]) -> Submitted | None:
        if not reply:
            return None
        place = queue_place(*reply[2]) if len(reply) > 2 else None
        return Submitted(Submission(reply[0]), optional_job(reply[1]), wake_length=0, place=place)

    return Call(load_script("replay"), (tenant, idempotency.key, idempotency.fingerprint), read)


def get(tenant: str, job_id: str) -> Call[tuple[JobRecord, QueuePlace | None] | None]:
    def read(reply: list[Any]) -> tuple[JobRecord, QueuePlace | None] | None:
        record = optional_job(reply[0]) if reply else None
        return (record, queue_place(*reply[1]) if len(reply) > 1 else None) if record else None

    return Call(load_script("get"), (tenant, job_id), read)


def page(tenant: str, wanted: JobFilter, limit: int, scan: int, after: JobPosition | None = None) -> Call[JobPage]:
    def read(reply: list[Any]) -> JobPage:
        last = JobPosition(int(reply[1][0]), reply[1][1]) if len(reply) > 1 else None
        return JobPage(tuple(job_record(pairs(flat)) for flat in reply[0]), last)

    arguments = (
        *(tenant, wanted.status or "", wanted.model or "", wanted.task or ""),
        *("" if ms is None else ms for ms in (wanted.created_after_ms, wanted.created_before_ms)),
        *(limit, scan),
        *((after.created_ms, after.job_id) if after else ("", "")),
    )
    return Call(load_script("page"), arguments, read)


def cancel(tenant: str, job_id: str) -> Call[JobRecord | None]:
    return Call(load_script("cancel"), (tenant, job_id), optional_job)


def claim(request: ClaimRequest) -> Call[JobRecord | None]:
    arguments = (
        *(request.claim_id, request.worker, request.lease_ms),
        *(int(request.engine_empty), request.switch_after_ms, CLAIM_REMEMBERED_MS),
        *(argument for each in request.candidates for argument in (each.model, int(each.resident), int(each.ahead))),
    )
    return Call(load_script("claim"), arguments, optional_job)


def renew(held: Sequence[Held], lease_ms: int) -> Call[tuple[Verdict, ...]]:
    arguments = (lease_ms, *(argument for each in held for argument in (each.job_id, each.claim_id)))
    return Call(load_script("renew"), arguments, lambda reply: tuple(map(Verdict, reply)))


def progress(held: Held, update: JobUpdate) -> Call[Progressed]:
    return Call(
        load_script("progress"),
        (held.job_id, held.claim_id, _indexes(update), *_news(update)),
        lambda reply: Progressed(Verdict(reply[0]), previews_wanted=bool(reply[1])),
    )


def show_preview(held: Held, preview_json: str) -> Call[bool]:
    return Call(load_script("show_preview"), (held.job_id, held.claim_id, preview_json), bool)


def finish(held: Held, outcome: Outcome) -> Call[Finished]:
    arguments = (
        *(held.job_id, held.claim_id, outcome.status.value, outcome.error_json or ""),
        "" if outcome.cost is None else outcome.cost,
        _indexes(outcome.update),
        *((pace.device, pace.busy_ms, pace.alone_ms, pace.load_ms) if (pace := outcome.pace) else ("",) * 4),
        *(SAMPLES_MAX, *_news(outcome.update)),
    )
    return Call(load_script("finish"), arguments, lambda reply: Finished(bool(reply[0]), optional_job(reply[1])))


def requeue(held: Held) -> Call[Verdict]:
    return Call(load_script("requeue"), (held.job_id, held.claim_id), Verdict)


def sweep(lease_ms: int, limit: int) -> Call[Swept]:
    def read(reply: list[Any]) -> Swept:
        *ids, extended, queues, more = reply
        return Swept(*map(tuple, ids), extended=extended, queues=_model_queues(queues), more=bool(more))

    return Call(load_script("sweep"), (lease_ms, limit, WORKER_LOST_JSON, DEADLINE_EXCEEDED_JSON), read)


def delete(tenant: str, job_id: str) -> Call[Deletion]:
    return Call(load_script("delete"), (tenant, job_id, DELETION_REMEMBERED_MS), Deletion)


def retire(keep: Retention, lease_ms: int, limit: int) -> Call[Retired]:
    kept = ("" if ms is None else ms for ms in (keep.pictures_ms, keep.records_ms, keep.assets_ms))
    return Call(
        load_script("retire"),
        (*kept, lease_ms, limit),
        lambda reply: Retired(
            *map(tuple, reply[:4]),
            manifests=tuple(job_record(pairs(flat)) for flat in reply[4]),
            more=bool(reply[5]),
        ),
    )


def removed(prefixes: Sequence[str]) -> Call[None]:
    return Call(load_script("removed"), tuple(prefixes), _nothing)


def expect_asset(asset: NewAsset, patience_ms: int) -> Call[AssetRecord | None]:
    arguments = (asset.tenant, asset.id, asset.prefix, patience_ms)
    return Call(load_script("expect_asset"), arguments, optional_asset)


def keep_asset(asset: NewAsset) -> Call[AssetRecord | None]:
    arguments = (
        *(asset.tenant, asset.id, asset.prefix),
        *("key", asset.key, "content_type", asset.content_type, "size_bytes", asset.size_bytes),
        *("width", asset.width, "height", asset.height),
    )
    return Call(load_script("keep_asset"), arguments, optional_asset)


def asset(tenant: str, asset_id: str) -> Call[AssetRecord | None]:
    return Call(load_script("asset"), (tenant, asset_id), optional_asset)


def recorded(job_ids: Sequence[str]) -> Call[None]:
    return Call(load_script("recorded"), tuple(job_ids), _nothing)


def restore(job: JobRecord) -> Call[bool]:
    fields = job_fields(job).items()
    return Call(load_script("restore"), tuple(text for pair in fields for text in pair), bool)


def register(worker: WorkerRecord, ttl_ms: int) -> Call[None]:
    arguments = (
        *(worker.id, ttl_ms, worker.device, json.dumps(worker.models), json.dumps(worker.resident_models)),
        *(worker.jobs, int(worker.draining), *worker.models),
    )
    return Call(load_script("register"), arguments, _nothing)


def unregister(worker_id: str) -> Call[None]:
    return Call(load_script("unregister"), (worker_id,), _nothing)


def workers() -> Call[tuple[WorkerRecord, ...]]:
    return Call(load_script("workers"), (), _workers)


def queues() -> Call[tuple[ModelQueue, ...]]:
    return Call(load_script("queues"), (), _model_queues)


def paces() -> Call[tuple[ModelPace, ...]]:
    return Call(
        load_script("paces"),
        (),
        lambda reply: tuple(sorted((model_pace(*each) for each in reply), key=lambda pace: pace.model)),
    )


def _news(update: JobUpdate) -> tuple[str, ...]:
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


def pause(kind: Literal["model", "tenant"], name: str, paused: bool) -> Call[None]:
    return Call(load_script("pause"), (kind, name, int(paused)), _nothing)


def tenants() -> Call[tuple[TenantRecord, ...]]:
    return Call(
        load_script("tenants"),
        (),
        lambda reply: tuple(sorted((tenant_record(*each) for each in reply), key=lambda tenant: tenant.name)),
    )


def claim_deliveries(request: DeliveryClaim) -> Call[tuple[DeliveryRecord, ...]]:
    arguments = (request.claim_id, request.lease_ms, request.limit)
    return Call(load_script("claim_deliveries"), arguments, _deliveries)


def settle_delivery(told: Settlement) -> Call[bool]:
    arguments = (
        *(told.delivery_id, told.claim_id, told.status.value, told.delay_ms, told.log_json),
        DELIVERY_KEPT_MS,
    )
    return Call(load_script("settle_delivery"), arguments, bool)


def deliveries(tenant: str, job_id: str) -> Call[tuple[DeliveryRecord, ...] | None]:
    return Call(load_script("deliveries"), (tenant, job_id), lambda reply: _deliveries(reply[0]) if reply else None)


def replay_delivery(tenant: str, delivery_id: str) -> Call[DeliveryRecord | None]:
    arguments = (tenant, delivery_id)
    return Call(load_script("replay_delivery"), arguments, lambda reply: delivery_record(reply) if reply else None)


def _deliveries(reply: list[Any]) -> tuple[DeliveryRecord, ...]:
    return tuple(map(delivery_record, reply))


def _indexes(update: JobUpdate) -> str:
    return " ".join(map(str, update.finished))


def stats() -> Call[StoreStats]:
    def read(reply: list[Any]) -> StoreStats:
        queues, held, workers, paused = reply
        return StoreStats(_model_queues(queues), dict(Counter(held)), _workers(workers), frozenset(paused))

    return Call(load_script("stats"), (), read)


def _workers(reply: list[Any]) -> tuple[WorkerRecord, ...]:
    return tuple(sorted(map(worker_record, reply), key=_worker_id))


def _model_queues(reply: list[Any]) -> tuple[ModelQueue, ...]:
    return tuple(sorted((model_queue(*each) for each in reply), key=lambda queue: queue.model))


def _worker_id(worker: WorkerRecord) -> str:
    return worker.id


def _nothing(reply: Any) -> None:
    return None
