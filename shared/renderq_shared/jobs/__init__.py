"""The job store: the truth about jobs."""

from renderq_shared.jobs.asset_records import AssetRecord, NewAsset
from renderq_shared.jobs.async_redis_store import AsyncRedisJobStore
from renderq_shared.jobs.changes import CancelListener, Change, Reconnected, watch_changes
from renderq_shared.jobs.connections import (
    async_client,
    celery_url,
    check_server,
    check_server_async,
    sync_client,
)
from renderq_shared.jobs.delivery_records import DeliveryClaim, DeliveryRecord, Settlement, delivery_id
from renderq_shared.jobs.history import Deletion, JobFilter, JobPage, JobPosition, Retention, Retired
from renderq_shared.jobs.memory_store import MemoryJobStore
from renderq_shared.jobs.paces import ModelPace, Pace, PaceSample, share_done
from renderq_shared.jobs.previews import PreviewChannels, ShownPreview
from renderq_shared.jobs.prompt_redis import DISK_PATIENCE_S, PromptRedis
from renderq_shared.jobs.protocol import JobStore
from renderq_shared.jobs.records import (
    Bounds,
    Candidate,
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
    Submission,
    Submitted,
    Swept,
    TenantRecord,
    Verdict,
    WorkerRecord,
)
from renderq_shared.jobs.redis_store import RedisJobStore

__all__ = [
    "DISK_PATIENCE_S",
    "AssetRecord",
    "AsyncRedisJobStore",
    "Bounds",
    "CancelListener",
    "Candidate",
    "Change",
    "ClaimRequest",
    "Deletion",
    "DeliveryClaim",
    "DeliveryRecord",
    "Finished",
    "Held",
    "Idempotency",
    "JobFilter",
    "JobPage",
    "JobPosition",
    "JobRecord",
    "JobStore",
    "JobUpdate",
    "MemoryJobStore",
    "ModelPace",
    "ModelQueue",
    "NewAsset",
    "NewJob",
    "Outcome",
    "Pace",
    "PaceSample",
    "PreviewChannels",
    "Progressed",
    "PromptRedis",
    "QueuePlace",
    "Reconnected",
    "RedisJobStore",
    "Retention",
    "Retired",
    "Settlement",
    "ShownPreview",
    "Submission",
    "Submitted",
    "Swept",
    "TenantRecord",
    "Verdict",
    "WorkerRecord",
    "async_client",
    "celery_url",
    "check_server",
    "check_server_async",
    "delivery_id",
    "share_done",
    "sync_client",
    "watch_changes",
]
