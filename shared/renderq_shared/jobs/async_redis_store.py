"""The job store in Redis, for an event loop: the API."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from redis.asyncio import Redis

from renderq_shared.jobs import calls
from renderq_shared.jobs.asset_records import AssetRecord, NewAsset
from renderq_shared.jobs.calls import Call
from renderq_shared.jobs.delivery_records import DeliveryClaim, DeliveryRecord, Settlement
from renderq_shared.jobs.history import Deletion, JobFilter, JobPage, JobPosition, Retention, Retired
from renderq_shared.jobs.paces import ModelPace
from renderq_shared.jobs.prompt_redis import PromptRedis
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
from renderq_shared.jobs.running import Execute, run_async

Answer = TypeVar("Answer")


class AsyncRedisJobStore:
    """The methods of `JobStore`, to be awaited: one round trip per call."""

    def __init__(self, client: Redis, queue_name: Callable[[str], str], disk_client: PromptRedis | None = None) -> None:
        """`client` decodes replies to text (`async_client`); `queue_name`: model → the list of its wake-ups.

        With `disk_client` (the same, more patient) a submission is answered once it is on the server's disk.
        """
        self._client = client
        self._disk_client = disk_client
        self._queue_name = queue_name

    async def submit(self, job: NewJob, bounds: Bounds) -> Submitted:
        call = calls.submit(job, bounds, self._queue_name(job.model))
        if self._disk_client is not None:
            return await self._run(call, self._disk_client.execute_on_disk)
        return await self._run(call)

    async def replay(self, tenant: str, idempotency: Idempotency) -> Submitted | None:
        return await self._run(calls.replay(tenant, idempotency))

    async def get(self, tenant: str, job_id: str) -> tuple[JobRecord, QueuePlace | None] | None:
        return await self._run(calls.get(tenant, job_id))

    async def page(
        self, tenant: str, wanted: JobFilter, limit: int, scan: int, after: JobPosition | None = None
    ) -> JobPage:
        return await self._run(calls.page(tenant, wanted, limit, scan, after))

    async def cancel(self, tenant: str, job_id: str) -> JobRecord | None:
        return await self._run(calls.cancel(tenant, job_id))

    async def claim(self, request: ClaimRequest) -> JobRecord | None:
        return await self._run(calls.claim(request))

    async def renew(self, held: Sequence[Held], lease_ms: int) -> tuple[Verdict, ...]:
        return await self._run(calls.renew(held, lease_ms))

    async def progress(self, held: Held, update: JobUpdate) -> Progressed:
        return await self._run(calls.progress(held, update))

    async def show_preview(self, held: Held, preview_json: str) -> bool:
        return await self._run(calls.show_preview(held, preview_json))

    async def finish(self, held: Held, outcome: Outcome) -> Finished:
        return await self._run(calls.finish(held, outcome))

    async def requeue(self, held: Held) -> Verdict:
        return await self._run(calls.requeue(held))

    async def sweep(self, lease_ms: int, limit: int) -> Swept:
        return await self._run(calls.sweep(lease_ms, limit))

    async def delete(self, tenant: str, job_id: str) -> Deletion:
        return await self._run(calls.delete(tenant, job_id))

    async def retire(self, keep: Retention, lease_ms: int, limit: int) -> Retired:
        return await self._run(calls.retire(keep, lease_ms, limit))

    async def removed(self, prefixes: Sequence[str]) -> None:
        await self._run(calls.removed(prefixes))

    async def expect_asset(self, asset: NewAsset, patience_ms: int) -> AssetRecord | None:
        return await self._run(calls.expect_asset(asset, patience_ms))

    async def keep_asset(self, asset: NewAsset) -> AssetRecord | None:
        return await self._run(calls.keep_asset(asset))

    async def asset(self, tenant: str, asset_id: str) -> AssetRecord | None:
        return await self._run(calls.asset(tenant, asset_id))

    async def recorded(self, job_ids: Sequence[str]) -> None:
        await self._run(calls.recorded(job_ids))

    async def restore(self, job: JobRecord) -> bool:
        return await self._run(calls.restore(job))

    async def register(self, worker: WorkerRecord, ttl_ms: int) -> None:
        await self._run(calls.register(worker, ttl_ms))

    async def unregister(self, worker_id: str) -> None:
        await self._run(calls.unregister(worker_id))

    async def workers(self) -> tuple[WorkerRecord, ...]:
        return await self._run(calls.workers())

    async def queues(self) -> tuple[ModelQueue, ...]:
        return await self._run(calls.queues())

    async def claim_deliveries(self, request: DeliveryClaim) -> tuple[DeliveryRecord, ...]:
        return await self._run(calls.claim_deliveries(request))

    async def settle_delivery(self, told: Settlement) -> bool:
        return await self._run(calls.settle_delivery(told))

    async def deliveries(self, tenant: str, job_id: str) -> tuple[DeliveryRecord, ...] | None:
        return await self._run(calls.deliveries(tenant, job_id))

    async def replay_delivery(self, tenant: str, delivery_id: str) -> DeliveryRecord | None:
        return await self._run(calls.replay_delivery(tenant, delivery_id))

    async def paces(self) -> tuple[ModelPace, ...]:
        return await self._run(calls.paces())

    async def pause_model(self, model: str, paused: bool) -> None:
        await self._run(calls.pause("model", model, paused))

    async def pause_tenant(self, tenant: str, paused: bool) -> None:
        await self._run(calls.pause("tenant", tenant, paused))

    async def tenants(self) -> tuple[TenantRecord, ...]:
        return await self._run(calls.tenants())

    async def stats(self) -> StoreStats:
        return await self._run(calls.stats())

    async def _run(self, call: Call[Answer], execute: Execute | None = None) -> Answer:
        return await run_async(self._client, call, execute)
