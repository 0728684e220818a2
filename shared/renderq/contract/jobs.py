"""Job: a complete snapshot at one version."""

from collections.abc import Iterator
from typing import Literal

from pydantic import Field, JsonValue

from renderq.contract.base import ResponseModel, Timestamp
from renderq.contract.statuses import JobErrorCode, Stage, Status

WaitReason = Literal["queued", "no_worker_for_model", "loading_model", "paused"]

EventName = Literal["status", "progress", "output", "preview", "done"]
"""Name of an event in a job's event stream. All but `preview` carry the complete job; `done` is the last."""

Exactness = Literal["stock", "fixed", "loose"]
"""What the bits of a job's images depend on, apart from request, model, device and dtype.

`stock`: on nothing; they are those of the stock diffusers call. `fixed`: on nothing, but they are those of a call with
a fixed number of images. `loose`: on the other images in their forward passes, or on the memory that was free.
"""

ImageStatus = Literal["queued", "running", "succeeded", "failed", "canceled"]


class ImageProgress(ResponseModel):
    """Progress of one image."""

    index: int
    step: int = Field(description="Denoising steps completed.")
    steps: int = Field(description="Total denoising steps.")
    status: ImageStatus


class Progress(ResponseModel):
    """Progress of a job; each value is complete in itself."""

    value: float = Field(0.0, ge=0, le=1, description="Fraction of the denoising steps completed.")
    step: int = Field(0, description="Denoising steps completed, over all images.")
    steps: int = Field(0, description="Total denoising steps; 0 until the worker reports it.")
    images_done: int = 0
    images_total: int = 1
    images: tuple[ImageProgress, ...] = Field((), description="Each image of a job that runs, in order; else empty.")


class ImageFile(ResponseModel):
    """A finished file: URLs, size and hashes."""

    url: str = Field(description="Stable URL: redirects to a fresh signed URL, or returns the image.")
    signed_url: str | None = Field(
        repr=False,
        description="Direct URL that needs no credentials until it expires; null in webhooks, which may arrive later.",
    )
    signed_url_expires_at: Timestamp | None
    content_type: str
    width: int
    height: int
    size_bytes: int
    sha256: str = Field(description="sha256 of the file.")
    pixel_sha256: str = Field(
        description="sha256 of the decoded RGB bytes, row by row: equal for every lossless format."
    )


class Thumbnail(ResponseModel):
    """A small copy of an image, as WebP."""

    url: str = Field(description="Stable URL, as that of the image.")
    signed_url: str | None = Field(repr=False, description="Direct URL, as that of the image.")
    signed_url_expires_at: Timestamp | None
    width: int = Field(description="At most 320, as the height.")
    height: int


class Output(ImageFile):
    """One finished image."""

    index: int = Field(description="0 … n−1.")
    seed: int
    thumbnail: Thumbnail | None = Field(
        None, description="Null if neither side is longer than 320 pixels, and for images of earlier versions."
    )


class Grid(ImageFile):
    """All images of the job in one, row by row in index order."""

    columns: int
    rows: int


class JobError(ResponseModel):
    """Reason of a failed job."""

    code: JobErrorCode
    message: str
    retryable: bool = Field(description="True if the same request may succeed later.")
    details: dict[str, JsonValue] = Field(default_factory=dict)


class JobWarning(ResponseModel):
    """A problem that did not make the job fail."""

    code: str
    message: str


class Metrics(ResponseModel):
    """Durations of the phases in milliseconds; `None` until known."""

    queue_ms: int | None = None
    load_ms: int | None = None
    inference_ms: int | None = None
    encode_ms: int | None = None
    upload_ms: int | None = None
    total_ms: int | None = None
    peak_memory_bytes: int | None = None
    batch_width_mean: float | None = Field(None, description="Mean number of images per forward pass.")


class Eta(ResponseModel):
    """Estimated seconds until the job ends: median and 90th percentile."""

    p50: float
    p90: float


class JobUrls(ResponseModel):
    """URLs of a job."""

    self: str
    cancel: str
    events: str = Field(
        repr=False, description="Server-sent events of the job, for every client that may read the job."
    )


class JobBatch(ResponseModel):
    """Place of a job in its batch."""

    id: str
    index: int = Field(description="0 … jobs − 1, in the order of the request.")
    values: dict[str, JsonValue] = Field(
        default_factory=dict, description="Of a sweep: the field of each axis, and the value that this job has."
    )


class Job(ResponseModel):
    """A job at version `version`."""

    id: str
    task: str
    model: str
    status: Status
    stage: Stage | None = None
    version: int = Field(description="Incremented with every change; the ETag derives from it.")
    created_at: Timestamp
    started_at: Timestamp | None = None
    completed_at: Timestamp | None = None
    expires_at: Timestamp | None = Field(
        None, description="When its images are deleted; null until it has ended, and if they are kept forever."
    )
    outputs_expired: bool = Field(False, description="True if retention has deleted its images.")
    queue_position: int | None = Field(
        None, description="Jobs expected to start before it if no others arrive; only while queued."
    )
    eta_seconds: Eta | None = Field(None, description="Estimate from finished jobs of the model; null without any.")
    wait_reason: WaitReason | None = None
    progress: Progress
    outputs: tuple[Output, ...] = ()
    grid: Grid | None = Field(None, description="Grid of all images, after success, if requested.")
    error: JobError | None = None
    warnings: tuple[JobWarning, ...] = ()
    metrics: Metrics
    attempt: int = Field(description="Number of times a worker has claimed the job.")
    max_attempts: int = Field(description="Number of lost workers after which the job fails with `worker_lost`.")
    worker: str | None = None
    model_revision: str | None = None
    device: str | None = None
    dtype: str | None = None
    exactness: Exactness | None = Field(
        None,
        description="What the bits of its images depend on apart from request, model, device and dtype. `stock`: on "
        "nothing, they are those of the stock diffusers call. `fixed`: on nothing, but they are those of a call with a "
        "fixed number of images. `loose`: on what else was rendered, or on free memory. Null until it has ended.",
    )
    request: dict[str, JsonValue] = Field(
        description="The request with all defaults filled in; `POST /v1/jobs` accepts it again."
    )
    metadata: dict[str, str] = Field(default_factory=dict)
    kept: bool = Field(False, description="True if retention never deletes the job and its images.")
    labels: tuple[str, ...] = Field(default=(), description="Labels that its owner gave it, sorted.")
    batch: JobBatch | None = Field(None, description="The batch that it was submitted with.")
    retried_from: str | None = Field(None, description="The job that this one repeats; it may have been deleted.")
    door: str | None = Field(
        None, description="The other service's API that it was submitted through, such as `openai`; else null."
    )
    urls: JobUrls

    def __repr_args__(self) -> Iterator[tuple[str, object]]:
        """Yield what identifies the job and its state. URLs may contain tokens, and requests addresses."""
        yield from (("id", self.id), ("status", str(self.status)), ("task", self.task), ("model", self.model))
        if not self.status.is_terminal and self.progress.steps:
            yield "steps", f"{self.progress.step}/{self.progress.steps}"
        yield "images", f"{len(self.outputs)}/{self.progress.images_total}"
        if self.error is not None:
            yield "error", self.error


class JobList(ResponseModel):
    """One page of a list of jobs."""

    data: tuple[Job, ...]
    next_cursor: str | None = Field(description="Cursor of the next page; `null` on the last one.")
    warnings: tuple[JobWarning, ...] = Field(
        default=(),
        description="`history_unavailable`: jobs that ended may be missing. `record_unreadable`: the jobs that "
        "`message` names are left out.",
    )
