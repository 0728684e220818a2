"""Events of a tenant's stream, `GET /v1/events`."""

from typing import Literal

from pydantic import Field

from renderq.contract.base import ResponseModel
from renderq.contract.jobs import Eta, WaitReason
from renderq.contract.previews import Preview

TenantEventName = Literal["ready", "job", "gone", "places", "service", "preview"]
"""Name of an event in a tenant's stream. `job` carries a `Job`, `service` a `Stats`, `ready` nothing."""


class DeletedJob(ResponseModel):
    """Data of `gone`: a job that was deleted."""

    id: str


class QueuePlace(ResponseModel):
    """Place of a queued job."""

    id: str
    queue_position: int = Field(description="Jobs expected to start before it if no others arrive.")
    eta_seconds: Eta | None = Field(description="Estimate from finished jobs of the model; null without any.")
    wait_reason: WaitReason


class QueuePlaces(ResponseModel):
    """Data of `places`: the places that have changed, of the first 100 queued jobs."""

    data: tuple[QueuePlace, ...]


class JobPreview(Preview):
    """Data of `preview`: a preview of an image of one job."""

    job: str = Field(description="Id of the job.")
