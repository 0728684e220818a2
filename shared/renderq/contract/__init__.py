"""The wire contract as data: what goes over HTTP, and nothing about how.

Server and SDK both build on these models, so that a field can only exist on both sides or on neither.
"""

from renderq.contract.assets import Asset, AssetType
from renderq.contract.jobs import (
    Eta,
    EventName,
    Job,
    JobError,
    JobList,
    JobUrls,
    JobWarning,
    Metrics,
    Output,
    Progress,
    WaitReason,
)
from renderq.contract.limits import LIMITS, Limits
from renderq.contract.models import (
    Model,
    ModelDefaults,
    ModelLimits,
    ModelList,
    ModelStats,
    Stats,
    Worker,
    WorkerList,
)
from renderq.contract.previews import Preview
from renderq.contract.problems import PROBLEMS, FieldError, Problem, ProblemKind
from renderq.contract.requests import (
    SCHEDULERS,
    TASKS,
    JobRequest,
    OutputOptions,
    Txt2ImgRequest,
    parse_request,
)
from renderq.contract.statuses import JobErrorCode, Stage, Status, may_follow
from renderq.contract.webhooks import (
    TERMINAL_EVENT_TYPES,
    WEBHOOK_EVENT_TYPES,
    Delivery,
    DeliveryAttempt,
    DeliveryList,
    DeliveryStatus,
    WebhookEvent,
    WebhookEventType,
    WebhookOptions,
)

__all__ = [
    "LIMITS",
    "PROBLEMS",
    "SCHEDULERS",
    "TASKS",
    "TERMINAL_EVENT_TYPES",
    "WEBHOOK_EVENT_TYPES",
    "Asset",
    "AssetType",
    "Delivery",
    "DeliveryAttempt",
    "DeliveryList",
    "DeliveryStatus",
    "Eta",
    "EventName",
    "FieldError",
    "Job",
    "JobError",
    "JobErrorCode",
    "JobList",
    "JobRequest",
    "JobUrls",
    "JobWarning",
    "Limits",
    "Metrics",
    "Model",
    "ModelDefaults",
    "ModelLimits",
    "ModelList",
    "ModelStats",
    "Output",
    "OutputOptions",
    "Preview",
    "Problem",
    "ProblemKind",
    "Progress",
    "Stage",
    "Stats",
    "Status",
    "Txt2ImgRequest",
    "WaitReason",
    "WebhookEvent",
    "WebhookEventType",
    "WebhookOptions",
    "Worker",
    "WorkerList",
    "may_follow",
    "parse_request",
]
