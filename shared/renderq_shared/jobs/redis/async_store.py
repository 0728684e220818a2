"""The job store in Redis, for an event loop: the API."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from redis.asyncio import Redis

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
from renderq_shared.redis.bounded_redis import BoundedRedis
from renderq_shared.redis.scripts import Command, SendCommand, execute_async

Answer = TypeVar("Answer")


class AsyncRedisJobStore:
    """The methods of `JobStore`, to be awaited: one round trip per command."""

    def __init__(
        self, client: Redis, queue_name: Callable[[str], str], durable_client: BoundedRedis | None = None
    ) -> None:
        """`client` decodes replies to text (`async_client`); `queue_name`: model → the list of its wake-ups.

        With `durable_client` (the same, more patient) a submission is answered once it is on the server's disk.
        """
        self._client = client
        self._durable_client = durable_client
        self._queue_name = queue_name

    async def submit(self, job: NewJob, limits: QueueLimits) -> SubmitResult:
        command = commands.submit(job, limits, self._queue_name(job.model))
        if self._durable_client is not None:
            return await self._run(command, self._durable_client.execute_durable)
        return await self._run(command)

    async def replay(self, tenant: str, idempotency: Idempotency) -> SubmitResult | None:
        return await self._run(commands.replay(tenant, idempotency))

    async def get(self, tenant: str, job_id: str) -> tuple[JobRecord, QueuePosition | None] | None:
        return await self._run(commands.get(tenant, job_id))

    async def page(
        self, tenant: str, wanted: JobFilter, limit: int, scan: int, after: JobPosition | None = None
    ) -> JobPage:
        return await self._run(commands.page(tenant, wanted, limit, scan, after))

    async def cancel(self, tenant: str, job_id: str) -> JobRecord | None:
        return await self._run(commands.cancel(tenant, job_id))

    async def claim(self, request: ClaimRequest) -> JobRecord | None:
        return await self._run(commands.claim(request))

    async def renew(self, claim_refs: Sequence[ClaimRef], lease_ms: int) -> tuple[FenceResult, ...]:
        return await self._run(commands.renew(claim_refs, lease_ms))

    async def progress(self, claim_ref: ClaimRef, update: JobUpdate) -> ProgressResult:
        return await self._run(commands.progress(claim_ref, update))

    async def publish_preview(self, claim_ref: ClaimRef, preview_json: str) -> bool:
        return await self._run(commands.publish_preview(claim_ref, preview_json))

    async def finish(self, claim_ref: ClaimRef, outcome: Outcome) -> FinishResult:
        return await self._run(commands.finish(claim_ref, outcome))

    async def requeue(self, claim_ref: ClaimRef) -> FenceResult:
        return await self._run(commands.requeue(claim_ref))

    async def sweep(self, lease_ms: int, limit: int) -> SweepResult:
        return await self._run(commands.sweep(lease_ms, limit))

    async def delete(self, tenant: str, job_id: str) -> DeleteResult:
        return await self._run(commands.delete(tenant, job_id))

    async def apply_retention(self, keep: Retention, lease_ms: int, limit: int) -> RetentionResult:
        return await self._run(commands.apply_retention(keep, lease_ms, limit))

    async def confirm_deleted(self, prefixes: Sequence[str]) -> None:
        await self._run(commands.confirm_deleted(prefixes))

    async def reserve_asset(self, asset: NewAsset, reservation_ttl_ms: int) -> AssetRecord | None:
        return await self._run(commands.reserve_asset(asset, reservation_ttl_ms))

    async def commit_asset(self, asset: NewAsset) -> AssetRecord | None:
        return await self._run(commands.commit_asset(asset))

    async def asset(self, tenant: str, asset_id: str) -> AssetRecord | None:
        return await self._run(commands.asset(tenant, asset_id))

    async def confirm_manifests(self, job_ids: Sequence[str]) -> None:
        await self._run(commands.confirm_manifests(job_ids))

    async def restore(self, job: JobRecord) -> bool:
        return await self._run(commands.restore(job))

    async def register(self, worker: WorkerRecord, ttl_ms: int) -> None:
        await self._run(commands.register(worker, ttl_ms))

    async def unregister(self, worker_id: str) -> None:
        await self._run(commands.unregister(worker_id))

    async def workers(self) -> tuple[WorkerRecord, ...]:
        return await self._run(commands.workers())

    async def queues(self) -> tuple[ModelQueue, ...]:
        return await self._run(commands.queues())

    async def claim_deliveries(self, request: DeliveryClaim) -> tuple[DeliveryRecord, ...]:
        return await self._run(commands.claim_deliveries(request))

    async def complete_delivery(self, result: DeliveryResult) -> bool:
        return await self._run(commands.complete_delivery(result))

    async def deliveries(self, tenant: str, job_id: str) -> tuple[DeliveryRecord, ...] | None:
        return await self._run(commands.deliveries(tenant, job_id))

    async def replay_delivery(self, tenant: str, delivery_id: str) -> DeliveryRecord | None:
        return await self._run(commands.replay_delivery(tenant, delivery_id))

    async def timings(self) -> tuple[ModelTimings, ...]:
        return await self._run(commands.timings())

    async def pause_model(self, model: str, paused: bool) -> None:
        await self._run(commands.pause("model", model, paused))

    async def pause_tenant(self, tenant: str, paused: bool) -> None:
        await self._run(commands.pause("tenant", tenant, paused))

    async def tenants(self) -> tuple[TenantRecord, ...]:
        return await self._run(commands.tenants())

    async def stats(self) -> StoreStats:
        return await self._run(commands.stats())

    async def _run(self, command: Command[Answer], send: SendCommand | None = None) -> Answer:
        return await execute_async(self._client, command, send)
