"""The caller as the service knows it."""

from typing import Literal

from pydantic import Field

from renderq.contract.base import ResponseModel, Timestamp


class CallerKey(ResponseModel):
    """The API key of a request; its secret is nowhere in it."""

    id: str = Field(description="The first part of the key, `rq_…`.")
    name: str
    expires_at: Timestamp | None = Field(description="Null if it never expires.")


class VisitorLimits(ResponseModel):
    """Further limits of a visitor. Sides and steps of its images are at most the model's defaults."""

    open_jobs: int = Field(description="Maximum number of queued and running jobs.")
    images: int = Field(description="Maximum number of images of one job.")
    jobs_per_day: int = Field(description="Maximum number of jobs a day of all visitors from the same address.")


class CallerLimits(ResponseModel):
    """What the caller may ask for."""

    queued_jobs: int = Field(description="Queued jobs of the tenant beyond which a submission is refused.")
    requests_per_minute: int | None = Field(description="Null if there is no limit.")
    visitor: VisitorLimits | None = Field(default=None, description="Null if the caller is no visitor.")


class Me(ResponseModel):
    """The caller, and how the service treats its images."""

    tenant: str = Field(description="Owner of the jobs that the caller submits and sees.")
    role: str = Field(description="`user`, `admin` or `visitor`.")
    key: CallerKey | None = Field(description="Null on a service without keys.")
    limits: CallerLimits
    version: str = Field(description="Version of the service.")
    image_delivery: Literal["redirect", "proxy"] = Field(
        description="Response of an image's stable URL: `redirect` to a signed URL, or `proxy`, the image itself."
    )
    retention_seconds: int | None = Field(
        description="Time for which images are kept after their job has ended, at most until the end of a visitor's "
        "key; null: forever."
    )
    visitor: bool = Field(default=False, description="True if the caller is a visitor without an account.")


class Visitor(ResponseModel):
    """A visitor's API key, which is shown only here."""

    key: str = Field(description="Send it in the header `Authorization: Bearer rq_…`.")
    expires_at: Timestamp = Field(description="End of the key. Then the visitor's jobs and images are deleted.")
    limits: CallerLimits
