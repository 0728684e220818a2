"""Webhooks: what a client may ask for, what it is sent, and what the service tells of its attempts."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from renderq.contract.base import RequestModel, ResponseModel, Timestamp
from renderq.contract.jobs import Job
from renderq.contract.urls import URL_CHARACTERS, check_url

WebhookEventType = Literal["job.started", "job.output", "job.succeeded", "job.failed", "job.canceled", "job.expired"]
WEBHOOK_EVENT_TYPES: tuple[WebhookEventType, ...] = WebhookEventType.__args__  # pyright: ignore[reportAttributeAccessIssue]
TERMINAL_EVENT_TYPES = WEBHOOK_EVENT_TYPES[2:]


def _is_sendable(url: str) -> str:
    return check_url(url, {"http", "https"})


def _are_distinct(events: tuple[WebhookEventType, ...]) -> tuple[WebhookEventType, ...]:
    if len(set(events)) != len(events):
        raise ValueError("must name each event once")
    return events


class WebhookOptions(RequestModel, frozen=True):
    """Whom to tell of a job's events, by a signed POST."""

    url: Annotated[str, AfterValidator(_is_sendable)] = Field(
        max_length=URL_CHARACTERS, description="http or https address that takes the POST; no user name or password."
    )
    events: Annotated[tuple[WebhookEventType, ...], AfterValidator(_are_distinct)] = Field(
        TERMINAL_EVENT_TYPES, min_length=1, strict=False, description="What to tell; default: how the job ended."
    )


class WebhookEvent(ResponseModel):
    """The body of a webhook. Its `webhook-id` header is the same at every attempt: take each id once."""

    type: WebhookEventType
    timestamp: Timestamp = Field(description="When it happened; the `webhook-timestamp` header says when it was sent.")
    data: Job = Field(description="The job as it was then, with images by their stable addresses alone.")


class DeliveryStatus(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    """Every attempt of the schedule has failed."""
    DISABLED = "disabled"
    """The receiver answered 410, to this delivery or another one of the job."""


class DeliveryAttempt(ResponseModel):
    """One POST, and what came of it."""

    at: Timestamp
    status: int | None = Field(None, description="HTTP status of the answer; null if none came.")
    duration_ms: int
    error: str | None = Field(None, description="Why it does not count as delivered; null if it does.")


class Delivery(ResponseModel):
    """One event on its way to one address."""

    id: str = Field(description="Sent as `webhook-id` with every attempt.")
    job_id: str
    type: WebhookEventType
    url: str
    status: DeliveryStatus
    created_at: Timestamp
    next_attempt_at: Timestamp | None = Field(None, description="While it is pending.")
    attempts: tuple[DeliveryAttempt, ...] = Field((), description="The last 20, oldest first.")


class DeliveryList(ResponseModel):
    data: tuple[Delivery, ...]
