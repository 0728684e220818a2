"""The job store in Redis, for callers that block: workers and tests."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from redis import Redis

from renderq_shared.jobs import calls
from renderq_shared.jobs.asset_records import AssetRecord, NewAsset
from renderq_shared.jobs.calls import Call
from renderq_shared.jobs.delivery_records import DeliveryClaim, DeliveryRecord, Settlement
from renderq_shared.jobs.history import Deletion, JobFilter, JobPage, JobPosition, Retention, Retired
from renderq_shared.jobs.paces import ModelPace
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
    Submitted,
    Swept,
    TenantRecord,
    Verdict,
    WorkerRecord,
)
from renderq_shared.jobs.running import run

Answer = TypeVar("Answer")


class RedisJobStore:
    """`JobStore` over one Redis or Valkey: one round trip per call."""

    def __init__(self, client: Redis, queue_name: Callable[[str], str]) -> None:
        """`client` decodes replies to text (`sync_client`); `queue_name`: model → the list of its wake-ups."""
        self._client = client
        self._queue_name = queue_name

    def submit(self, job: NewJob, bounds: Bounds) -> Submitted:
        return self._run(calls.submit(job, bounds, self._queue_name(job.model)))

    def replay(self, tenant: str, idempotency: Idempotency) -> Submitted | None:
        return self._run(calls.replay(tenant, idempotency))

    def get(self, tenant: str, job_id: str) -> tuple[JobRecord, QueuePlace | None] | None:
        return self._run(calls.get(tenant, job_id))

    def page(self, tenant: str, wanted: JobFilter, limit: int, scan: int, after: JobPosition | None = None) -> JobPage:
        return self._run(calls.page(tenant, wanted, limit, scan, after))

    def cancel(self, tenant: str, job_id: str) -> JobRecord | None:
        return self._run(calls.cancel(tenant, job_id))

    def claim(self, request: ClaimRequest) -> JobRecord | None:
        return self._run(calls.claim(request))

    def renew(self, held: Sequence[Held], lease_ms: int) -> tuple[Verdict, ...]:
        return self._run(calls.renew(held, lease_ms))

    def progress(self, held: Held, update: JobUpdate) -> Progressed:
        return self._run(calls.progress(held, update))

    def show_preview(self, held: Held, preview_json: str) -> bool:
        return self._run(calls.show_preview(held, preview_json))

    def finish(self, held: Held, outcome: Outcome) -> Finished:
        return self._run(calls.finish(held, outcome))

    def requeue(self, held: Held) -> Verdict:
        return self._run(calls.requeue(held))

    def sweep(self, lease_ms: int, limit: int) -> Swept:
        return self._run(calls.sweep(lease_ms, limit))

    def delete(self, tenant: str, job_id: str) -> Deletion:
        return self._run(calls.delete(tenant, job_id))

    def retire(self, keep: Retention, lease_ms: int, limit: int) -> Retired:
        return self._run(calls.retire(keep, lease_ms, limit))

    def removed(self, prefixes: Sequence[str]) -> None:
        self._run(calls.removed(prefixes))

    def expect_asset(self, asset: NewAsset, patience_ms: int) -> AssetRecord | None:
        return self._run(calls.expect_asset(asset, patience_ms))

    def keep_asset(self, asset: NewAsset) -> AssetRecord | None:
        return self._run(calls.keep_asset(asset))

    def asset(self, tenant: str, asset_id: str) -> AssetRecord | None:
        return self._run(calls.asset(tenant, asset_id))

    def recorded(self, job_ids: Sequence[str]) -> None:
        self._run(calls.recorded(job_ids))

    def restore(self, job: JobRecord) -> bool:
        return self._run(calls.restore(job))

    def register(self, worker: WorkerRecord, ttl_ms: int) -> None:
        self._run(calls.register(worker, ttl_ms))

    def unregister(self, worker_id: str) -> None:
        self._run(calls.unregister(worker_id))

    def workers(self) -> tuple[WorkerRecord, ...]:
        return self._run(calls.workers())

    def queues(self) -> tuple[ModelQueue, ...]:
        return self._run(calls.queues())

    def claim_deliveries(self, request: DeliveryClaim) -> tuple[DeliveryRecord, ...]:
        return self._run(calls.claim_deliveries(request))

    def settle_delivery(self, told: Settlement) -> bool:
        return self._run(calls.settle_delivery(told))

    def deliveries(self, tenant: str, job_id: str) -> tuple[DeliveryRecord, ...] | None:
        return self._run(calls.deliveries(tenant, job_id))

    def replay_delivery(self, tenant: str, delivery_id: str) -> DeliveryRecord | None:
        return self._run(calls.replay_delivery(tenant, delivery_id))

    def paces(self) -> tuple[ModelPace, ...]:
        return self._run(calls.paces())

    def pause_model(self, model: str, paused: bool) -> None:
        self._run(calls.pause("model", model, paused))

    def pause_tenant(self, tenant: str, paused: bool) -> None:
        self._run(calls.pause("tenant", tenant, paused))

    def tenants(self) -> tuple[TenantRecord, ...]:
        return self._run(calls.tenants())

    def stats(self) -> StoreStats:
        return self._run(calls.stats())

    def _run(self, call: Call[Answer]) -> Answer:
        return run(self._client, call)
