"""Job store: records, commands, and the protocol that every store implements."""

from renderq_shared.jobs.asset_records import AssetRecord, NewAsset
from renderq_shared.jobs.commands import Command
from renderq_shared.jobs.delivery_records import DeliveryClaim, DeliveryRecord, DeliveryResult, delivery_id
from renderq_shared.jobs.history import DeleteResult, JobFilter, JobPage, JobPosition, Retention, RetentionResult
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
    StoreStats,
    SubmitOutcome,
    SubmitResult,
    SweepResult,
    TenantRecord,
    WorkerRecord,
)
from renderq_shared.jobs.store import AsyncJobStore, JobStore
from renderq_shared.jobs.timings import JobTiming, ModelTimings, TimingSample

__all__ = [
    "AssetRecord",
    "AsyncJobStore",
    "Candidate",
    "ClaimRef",
    "ClaimRequest",
    "Command",
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
    "Retention",
    "RetentionResult",
    "StoreStats",
    "SubmitOutcome",
    "SubmitResult",
    "SweepResult",
    "TenantRecord",
    "TimingSample",
    "WorkerRecord",
    "delivery_id",
]
