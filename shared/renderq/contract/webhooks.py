"""Webhooks: options of a request, events, and deliveries."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from renderq.contract.base import RequestModel, ResponseModel, Timestamp, at_most
from renderq.contract.jobs import Job
from renderq.contract.statuses import OpenEnum
from renderq.contract.urls import URL_CHARACTERS, check_url

WebhookEventType = Literal["job.started", "job.output", "job.succeeded", "job.failed", "job.canceled", "job.expired"]
WEBHOOK_EVENT_TYPES: tuple[WebhookEventType, ...] = WebhookEventType.__args__  # pyright: ignore[reportAttributeAccessIssue]
TERMINAL_EVENT_TYPES = WEBHOOK_EVENT_TYPES[2:]


def _check_webhook_url(url: str) -> str:
    return check_url(url, {"http", "https"})


def _check_distinct(events: tuple[WebhookEventType, ...]) -> tuple[WebhookEventType, ...]:
    if len(set(events)) != len(events):
        raise ValueError("must not repeat an event")
    return events


class WebhookOptions(RequestModel, frozen=True):
    """Endpoint that receives a job's events as signed POST requests."""

    url: Annotated[str, AfterValidator(_check_webhook_url)] = Field(
        max_length=URL_CHARACTERS,
        description="http or https URL that receives the POST; without user name and password.",
    )
    events: Annotated[
        tuple[WebhookEventType, ...], AfterValidator(_check_distinct), at_most(len(WEBHOOK_EVENT_TYPES))
    ] = Field(
        TERMINAL_EVENT_TYPES,
        min_length=1,
        max_length=len(WEBHOOK_EVENT_TYPES),
        strict=False,
        description="Events to send; default: those that end a job.",
    )


class WebhookEvent(ResponseModel):
    """Body of a webhook. The `webhook-id` header is the same for every attempt: process each id once."""

    type: WebhookEventType
    timestamp: Timestamp = Field(
        description="Time of the event; the `webhook-timestamp` header is the time of sending."
    )
    data: Job = Field(description="The job at that time, with the stable URLs of its images only.")


class DeliveryStatus(OpenEnum):
    """Status of a delivery."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    """All scheduled attempts have failed."""
    DISABLED = "disabled"
    """The receiver returned 410, for this delivery or another one of the job."""


class DeliveryAttempt(ResponseModel):
    """One POST and its result."""

    at: Timestamp
    status: int | None = Field(None, description="HTTP status of the response; null without one.")
    duration_ms: int
    error: str | None = Field(None, description="Why the attempt failed; null if it succeeded.")


class Delivery(ResponseModel):
    """Delivery of one event to one URL."""

    id: str = Field(description="Sent as `webhook-id` with every attempt.")
    job_id: str
    type: WebhookEventType
    url: str
    status: DeliveryStatus
    created_at: Timestamp
    next_attempt_at: Timestamp | None = Field(None, description="Only while pending.")
    attempts: tuple[DeliveryAttempt, ...] = Field((), description="The last 20, oldest first.")


class DeliveryList(ResponseModel):
    """Deliveries of a job."""

    data: tuple[Delivery, ...]
