"""A job as the client sees it: a complete snapshot, whatever the moment."""

from typing import Literal

from pydantic import Field, JsonValue

from renderq.contract.base import ResponseModel, Timestamp
from renderq.contract.statuses import JobErrorCode, Stage, Status

WaitReason = Literal["queued", "no_worker_for_model", "loading_model", "paused"]

EventName = Literal["status", "progress", "output", "preview", "done"]
"""What is new in an event of a job's stream; each carries the complete job, but `preview`. `done` is the last."""


class Progress(ResponseModel):
    """How far the job is; every one is complete in itself."""

    value: float = Field(0.0, ge=0, le=1, description="Share of all denoising steps that are done.")
    step: int = Field(0, description="Denoising steps done, over all images.")
    steps: int = Field(0, description="Denoising steps in all; 0 until the worker knows.")
    images_done: int = 0
    images_total: int = 1


class ImageFile(ResponseModel):
    """A finished file: where it is, and what it is."""

    url: str = Field(description="The stable address: redirects to a fresh signed URL, or is the image itself.")
    signed_url: str | None = Field(
        description="Direct address that works without credentials until it expires; null where images are only "
        "served at their stable address."
    )
    signed_url_expires_at: Timestamp | None
    content_type: str
    width: int
    height: int
    size_bytes: int
    sha256: str = Field(description="Of the file.")
    pixel_sha256: str = Field(description="Of the decoded RGB bytes, row by row: the same in every lossless format.")


class Output(ImageFile):
    """One finished image."""

    index: int = Field(description="0 … n−1.")
    seed: int


class Grid(ImageFile):
    """All images of the job in one, row by row in the order of their index."""

    columns: int
    rows: int


class JobError(ResponseModel):
    """Why the job failed."""

    code: JobErrorCode
    message: str
    retryable: bool = Field(description="Whether the same request may succeed later.")
    details: dict[str, JsonValue] = Field(default_factory=dict)


class JobWarning(ResponseModel):
    """Something that the job survived and its owner should know."""

    code: str
    message: str


class Metrics(ResponseModel):
    """Where the time went, in milliseconds; `None` until it is known."""

    queue_ms: int | None = None
    load_ms: int | None = None
    inference_ms: int | None = None
    encode_ms: int | None = None
    upload_ms: int | None = None
    total_ms: int | None = None
    peak_memory_bytes: int | None = None
    batch_width_mean: float | None = Field(None, description="Mean number of images that shared a forward pass.")


class Eta(ResponseModel):
    """Seconds until the job will have ended: in half of all cases less than `p50`, in nine of ten less than `p90`."""

    p50: float
    p90: float


class JobUrls(ResponseModel):
    self: str
    cancel: str
    events: str = Field(description="The job as server-sent events; any client that may see the job may open it.")


class Job(ResponseModel):
    """A job, complete at version `version`."""

    id: str
    task: str
    model: str
    status: Status
    stage: Stage | None = None
    version: int = Field(description="Grows by one with every change; the ETag is made of it.")
    created_at: Timestamp
    started_at: Timestamp | None = None
    completed_at: Timestamp | None = None
    expires_at: Timestamp | None = Field(
        None, description="When its images are removed; null until it has ended, and where they are kept for ever."
    )
    outputs_expired: bool = Field(False, description="Whether its images were removed because they had expired.")
    queue_position: int | None = Field(
        None, description="Jobs expected to start first if nothing else arrives; only while queued."
    )
    eta_seconds: Eta | None = Field(
        None, description="An estimate from what finished jobs of the model took; null where nothing is known."
    )
    wait_reason: WaitReason | None = None
    progress: Progress
    outputs: tuple[Output, ...] = ()
    grid: Grid | None = Field(
        None, description="All images in one, once the job has succeeded, if its request asked for it."
    )
    error: JobError | None = None
    warnings: tuple[JobWarning, ...] = ()
    metrics: Metrics
    attempt: int = Field(description="Times that a worker has taken the job.")
    max_attempts: int = Field(description="Lost workers after which the job fails with `worker_lost`.")
    worker: str | None = None
    model_revision: str | None = None
    device: str | None = None
    dtype: str | None = None
    batch_invariant: bool | None = Field(
        None, description="Whether the worker's probe found images bitwise independent of the batch."
    )
    request: dict[str, JsonValue] = Field(
        description="What is rendered: your request with every default filled in; accepted again by `POST /v1/jobs`."
    )
    metadata: dict[str, str] = Field(default_factory=dict)
    retried_from: str | None = Field(None, description="The job that this one does again; you may have deleted it.")
    urls: JobUrls


class JobList(ResponseModel):
    """One page of a list of jobs."""

    data: tuple[Job, ...]
    next_cursor: str | None = Field(description="Asks for the next page; `null` on the last one.")
