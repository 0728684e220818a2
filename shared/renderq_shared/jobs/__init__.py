"""The job store: the truth about jobs."""

from renderq_shared.jobs.asset_records import AssetRecord, NewAsset
from renderq_shared.jobs.delivery_records import DeliveryClaim, DeliveryRecord, DeliveryResult, delivery_id
from renderq_shared.jobs.history import DeleteResult, JobFilter, JobPage, JobPosition, Retention, RetentionResult
from renderq_shared.jobs.memory.store import MemoryJobStore
from renderq_shared.jobs.previews import PreviewChannels, PreviewMessage
from renderq_shared.jobs.records import (
    Candidate,
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
    SubmitOutcome,
    SubmitResult,
    SweepResult,
    TenantRecord,
    WorkerRecord,
)
from renderq_shared.jobs.redis.async_store import AsyncRedisJobStore
from renderq_shared.jobs.redis.notifications import CancelSubscriber, Change, Reconnected, subscribe
from renderq_shared.jobs.redis.store import RedisJobStore
from renderq_shared.jobs.store import JobStore
from renderq_shared.jobs.timings import JobTiming, ModelTimings, TimingSample, progress_fraction
from renderq_shared.redis.bounded_redis import DURABLE_TIMEOUT_S, BoundedRedis
from renderq_shared.redis.clients import (
    async_client,
    celery_url,
    check_server,
    check_server_async,
    sync_client,
)

__all__ = [
    "DURABLE_TIMEOUT_S",
    "AssetRecord",
    "AsyncRedisJobStore",
    "BoundedRedis",
    "CancelSubscriber",
    "Candidate",
    "Change",
    "ClaimRef",
    "ClaimRequest",
    "DeleteResult",
    "DeliveryClaim",
    "DeliveryRecord",
    "DeliveryResult",
    "FenceResult",
    "FinishResult",
    "Idempotency",
    "JobFilter",
    "JobPage",
    "JobPosition",
    "JobRecord",
    "JobStore",
    "JobTiming",
    "JobUpdate",
    "MemoryJobStore",
    "ModelQueue",
    "ModelTimings",
    "NewAsset",
    "NewJob",
    "Outcome",
    "PreviewChannels",
    "PreviewMessage",
    "ProgressResult",
    "QueueLimits",
    "QueuePosition",
    "Reconnected",
    "RedisJobStore",
    "Retention",
    "RetentionResult",
    "SubmitOutcome",
    "SubmitResult",
    "SweepResult",
    "TenantRecord",
    "TimingSample",
    "WorkerRecord",
    "async_client",
    "celery_url",
    "check_server",
    "check_server_async",
    "delivery_id",
    "progress_fraction",
    "subscribe",
    "sync_client",
]
