"""Batches: many jobs in one request, also as the combinations of values of some fields."""

from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, model_validator

from renderq.contract.base import RequestModel, ResponseModel, Timestamp, at_most
from renderq.contract.jobs import Eta
from renderq.contract.limits import LIMITS

BatchStatus = Literal["queued", "running", "ended"]


class Axis(RequestModel, frozen=True):
    """One axis of a sweep: a field of the request, and the values that it takes."""

    field: str = Field(
        description="A field such as `steps` or `output.format`, or `prompt:WORD`, whose values replace WORD in the "
        "prompt."
    )
    values: Annotated[list[JsonValue], at_most(LIMITS.batch_jobs)] = Field(min_length=1, max_length=LIMITS.batch_jobs)


class SubmitBatch(RequestModel, frozen=True):
    """Body of `POST /v1/batches`: either `requests`, or `request` and `axes`."""

    requests: Annotated[list[dict[str, JsonValue]], at_most(LIMITS.batch_jobs)] | None = Field(
        None, min_length=1, max_length=LIMITS.batch_jobs, description="Requests as of `POST /v1/jobs`."
    )
    request: dict[str, JsonValue] | None = Field(
        None, description="Fields that all jobs have in common. Without a seed, one is drawn for all of them."
    )
    axes: Annotated[list[Axis], at_most(LIMITS.batch_axes)] | None = Field(
        None,
        min_length=1,
        max_length=LIMITS.batch_axes,
        description="One job for each combination of their values, those of the last axis next to each other. "
        f"At most {LIMITS.batch_jobs:,} combinations.",
    )

    @model_validator(mode="after")
    def _check_choice(self) -> Self:
        if (self.requests is None) == (self.request is None) or (self.request is None) != (self.axes is None):
            raise ValueError("send either requests, or request and axes")
        return self


class BatchCounts(ResponseModel):
    """Number of jobs of a batch by status."""

    queued: int = 0
    running: int = 0
    canceling: int = 0
    succeeded: int = 0
    failed: int = 0
    canceled: int = 0
    expired: int = 0
    deleted: int = Field(0, description="Deleted since, by their owner or by retention.")


class BatchUrls(ResponseModel):
    """URLs of a batch."""

    self: str
    cancel: str
    retry: str
    jobs: str = Field(description="Its jobs, by pages.")


class Batch(ResponseModel):
    """Jobs that were submitted together."""

    id: str
    status: BatchStatus = Field(description="`queued` until the first job has started, `ended` when all jobs have.")
    created_at: Timestamp
    jobs: int = Field(description="Number of jobs that were submitted.")
    counts: BatchCounts
    eta_seconds: Eta | None = Field(None, description="Estimate for the last job; null without one.")
    urls: BatchUrls


class BatchList(ResponseModel):
    """One page of a list of batches."""

    data: tuple[Batch, ...]
    next_cursor: str | None = Field(description="Cursor of the next page; `null` on the last one.")
