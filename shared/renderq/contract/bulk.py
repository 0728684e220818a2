"""Operations on many jobs: what they take, and what they did."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from renderq.contract.base import RequestModel, ResponseModel, at_most
from renderq.contract.limits import LIMITS

JobIds = Annotated[
    list[Annotated[str, StringConstraints(min_length=1, max_length=64)]],
    at_most(LIMITS.bulk_jobs),
    Field(min_length=1, max_length=LIMITS.bulk_jobs),
]


class CancelJobs(RequestModel, frozen=True):
    """Body of `POST /v1/jobs/cancel`: either `ids`, or `status` with or without `model`."""

    ids: JobIds | None = Field(None, description="Jobs to cancel, queued or running.")
    status: Literal["queued"] | None = Field(None, description="`queued`: all queued jobs. Running ones continue.")
    model: str | None = Field(None, min_length=1, description="Only those of this model.")

    @model_validator(mode="after")
    def _check_choice(self) -> Self:
        if (self.ids is None) == (self.status is None):
            raise ValueError("send either ids or status")
        if self.model is not None and self.status is None:
            raise ValueError("model goes with status, not with ids")
        return self


class DeleteJobs(RequestModel, frozen=True):
    """Body of `POST /v1/jobs/delete`."""

    ids: JobIds = Field(description="Jobs to delete, which have ended.")


class JobRefusal(ResponseModel):
    """Why one of the jobs was left as it was."""

    id: str
    code: str = Field(description="As of the problem that the same operation on this job alone has.")
    detail: str


class CancelJobsResult(ResponseModel):
    """What `POST /v1/jobs/cancel` did."""

    canceled: int = Field(description="Jobs that are canceled now, or that their worker is canceling.")
    unchanged: int = Field(description="Jobs that had ended otherwise, or have started meanwhile.")
    refusals: tuple[JobRefusal, ...] = ()


class DeleteJobsResult(ResponseModel):
    """What `POST /v1/jobs/delete` did."""

    deleted: int
    refusals: tuple[JobRefusal, ...] = ()
