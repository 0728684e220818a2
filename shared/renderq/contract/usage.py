"""Usage by day, and failures by cause, on the wire."""

from datetime import date

from pydantic import Field

from renderq.contract.base import ResponseModel, Timestamp


class UsageDay(ResponseModel):
    """What the jobs of a tenant that ended on one day (UTC) used. Deleting a job does not change it."""

    tenant: str
    day: date
    jobs: int
    images: int = Field(description="Finished images, also of jobs that did not succeed.")
    pixels: int = Field(description="Sum of width × height of those images.")
    steps: int = Field(description="Model calls.")
    device_seconds: float = Field(description="The jobs' shares of device time.")
    bytes: int = Field(description="Size of the stored files when they were written.")


class UsageList(ResponseModel):
    """Usage by day and tenant."""

    data: tuple[UsageDay, ...]


class FailureCount(ResponseModel):
    """Number of failed jobs by cause."""

    error_code: str
    model: str
    worker: str | None = Field(description="Null if no worker had the job.")
    jobs: int
    last_at: Timestamp = Field(description="End of the last one.")


class FailureList(ResponseModel):
    """Failures of all tenants, the most frequent first."""

    data: tuple[FailureCount, ...]
