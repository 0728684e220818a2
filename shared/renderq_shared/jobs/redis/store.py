"""The job store in Redis, for callers that block: workers and tests."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from redis import Redis

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
from renderq_shared.jobs.redis import commands
from renderq_shared.jobs.timings import ModelTimings
from renderq_shared.redis.scripts import Command, execute

Answer = TypeVar("Answer")


class RedisJobStore:
    """`JobStore` over one Redis or Valkey: one round trip per command."""

    def __init__(self, client: Redis, queue_name: Callable[[str], str]) -> None:
        """`client` decodes replies to text (`sync_client`); `queue_name`: model → the list of its wake-ups."""
        self._client = client
        self._queue_name = queue_name

    def submit(self, job: NewJob, limits: QueueLimits) -> SubmitResult:
        return self._run(commands.submit(job, limits, self._queue_name(job.model)))

    def replay(self, tenant: str, idempotency: Idempotency) -> SubmitResult | None:
        return self._run(commands.replay(tenant, idempotency))

    def get(self, tenant: str, job_id: str) -> tuple[JobRecord, QueuePosition | None] | None:
        return self._run(commands.get(tenant, job_id))

    def page(self, tenant: str, wanted: JobFilter, limit: int, scan: int, after: JobPosition | None = None) -> JobPage:
        return self._run(commands.page(tenant, wanted, limit, scan, after))

    def cancel(self, tenant: str, job_id: str) -> JobRecord | None:
        return self._run(commands.cancel(tenant, job_id))

    def claim(self, request: ClaimRequest) -> JobRecord | None:
        return self._run(commands.claim(request))

    def renew(self, claim_refs: Sequence[ClaimRef], lease_ms: int) -> tuple[FenceResult, ...]:
        return self._run(commands.renew(claim_refs, lease_ms))

    def progress(self, claim_ref: ClaimRef, update: JobUpdate) -> ProgressResult:
        return self._run(commands.progress(claim_ref, update))

    def publish_preview(self, claim_ref: ClaimRef, preview_json: str) -> bool:
        return self._run(commands.publish_preview(claim_ref, preview_json))

    def finish(self, claim_ref: ClaimRef, outcome: Outcome) -> FinishResult:
        return self._run(commands.finish(claim_ref, outcome))

    def requeue(self, claim_ref: ClaimRef) -> FenceResult:
        return self._run(commands.requeue(claim_ref))

    def sweep(self, lease_ms: int, limit: int) -> SweepResult:
        return self._run(commands.sweep(lease_ms, limit))

    def delete(self, tenant: str, job_id: str) -> DeleteResult:
        return self._run(commands.delete(tenant, job_id))

    def apply_retention(self, keep: Retention, lease_ms: int, limit: int) -> RetentionResult:
        return self._run(commands.apply_retention(keep, lease_ms, limit))

    def confirm_deleted(self, prefixes: Sequence[str]) -> None:
        self._run(commands.confirm_deleted(prefixes))

    def reserve_asset(self, asset: NewAsset, reservation_ttl_ms: int) -> AssetRecord | None:
        return self._run(commands.reserve_asset(asset, reservation_ttl_ms))

    def commit_asset(self, asset: NewAsset) -> AssetRecord | None:
        return self._run(commands.commit_asset(asset))

    def asset(self, tenant: str, asset_id: str) -> AssetRecord | None:
        return self._run(commands.asset(tenant, asset_id))

    def confirm_manifests(self, job_ids: Sequence[str]) -> None:
        self._run(commands.confirm_manifests(job_ids))

    def restore(self, job: JobRecord) -> bool:
        return self._run(commands.restore(job))

    def register(self, worker: WorkerRecord, ttl_ms: int) -> None:
        self._run(commands.register(worker, ttl_ms))

    def unregister(self, worker_id: str) -> None:
        self._run(commands.unregister(worker_id))

    def workers(self) -> tuple[WorkerRecord, ...]:
        return self._run(commands.workers())

    def queues(self) -> tuple[ModelQueue, ...]:
        return self._run(commands.queues())

    def claim_deliveries(self, request: DeliveryClaim) -> tuple[DeliveryRecord, ...]:
        return self._run(commands.claim_deliveries(request))

    def complete_delivery(self, result: DeliveryResult) -> bool:
        return self._run(commands.complete_delivery(result))

    def deliveries(self, tenant: str, job_id: str) -> tuple[DeliveryRecord, ...] | None:
        return self._run(commands.deliveries(tenant, job_id))

    def replay_delivery(self, tenant: str, delivery_id: str) -> DeliveryRecord | None:
        return self._run(commands.replay_delivery(tenant, delivery_id))

    def timings(self) -> tuple[ModelTimings, ...]:
        return self._run(commands.timings())

    def pause_model(self, model: str, paused: bool) -> None:
        self._run(commands.pause("model", model, paused))

    def pause_tenant(self, tenant: str, paused: bool) -> None:
        self._run(commands.pause("tenant", tenant, paused))

    def tenants(self) -> tuple[TenantRecord, ...]:
        return self._run(commands.tenants())

    def stats(self) -> StoreStats:
        return self._run(commands.stats())

    def _run(self, command: Command[Answer]) -> Answer:
        return execute(self._client, command)
