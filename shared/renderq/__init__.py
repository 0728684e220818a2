"""Client library of the renderq rendering service.

from renderq import Client

with Client() as client:
    job = client.run("a red circle on a blue background")
    client.images(job)[0].save("circle.png")
"""

from renderq import webhooks
from renderq._core.events import JobEvent
from renderq.client import AsyncClient, Client
from renderq.contract import (
    Asset,
    Job,
    JobError,
    JobErrorCode,
    Model,
    Output,
    OutputOptions,
    Preview,
    Progress,
    Stage,
    Status,
    WebhookEvent,
    Worker,
)
from renderq.errors import (
    APIError,
    ConfigurationError,
    ConnectionFailed,
    Forbidden,
    ImageCorrupted,
    InvalidRequest,
    JobCanceled,
    JobExpired,
    JobFailed,
    JobNotSucceeded,
    NotFound,
    RateLimited,
    RenderqError,
    ServiceUnavailable,
    Unauthorized,
    UnexpectedResponse,
    WaitTimeout,
    WebhookInvalid,
)
from renderq.images import AsyncImage, AsyncImages, Image, Images
from renderq.job_handle import AsyncJobHandle, JobHandle
from renderq.request_params import OutputParams, RequestParams
from renderq.version import version

__all__ = [
    "APIError",
    "Asset",
    "AsyncClient",
    "AsyncImage",
    "AsyncImages",
    "AsyncJobHandle",
    "Client",
    "ConfigurationError",
    "ConnectionFailed",
    "Forbidden",
    "Image",
    "ImageCorrupted",
    "Images",
    "InvalidRequest",
    "Job",
    "JobCanceled",
    "JobError",
    "JobErrorCode",
    "JobEvent",
    "JobExpired",
    "JobFailed",
    "JobHandle",
    "JobNotSucceeded",
    "Model",
    "NotFound",
    "Output",
    "OutputOptions",
    "OutputParams",
    "Preview",
    "Progress",
    "RateLimited",
    "RenderqError",
    "RequestParams",
    "ServiceUnavailable",
    "Stage",
    "Status",
    "Unauthorized",
    "UnexpectedResponse",
    "WaitTimeout",
    "WebhookEvent",
    "WebhookInvalid",
    "Worker",
    "__version__",
    "webhooks",
]

__version__: str


def __getattr__(name: str) -> str:
    if name == "__version__":
        return version()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
