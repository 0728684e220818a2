"""Records of the outbox: webhook deliveries. Times and `*_json` fields as in `records`."""

from dataclasses import dataclass

from renderq.contract import DeliveryStatus, Status, WebhookEventType
from renderq_shared.jobs.records import JobRecord

END_EVENTS: dict[Status, WebhookEventType] = {
    Status.SUCCEEDED: "job.succeeded",
    Status.FAILED: "job.failed",
    Status.CANCELED: "job.canceled",
    Status.EXPIRED: "job.expired",
}
"""Status of an ended job → event of its end."""


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """Delivery of one event to the webhook of its job."""

    id: str
    """The `webhook-id`: a function of job, event and index (`delivery_id`)."""
    job_id: str
    tenant: str
    host: str
    """Host of the webhook."""
    event: WebhookEventType
    status: DeliveryStatus
    created_ms: int
    attempt: int
    """Number of attempts since the event or the last replay of an ended delivery."""
    record: JobRecord
    """Snapshot of the job right after the event."""
    due_ms: int | None = None
    """While pending: time of the next attempt, or end of the sender's lease."""
    claim_id: str | None = None
    """Fencing token of the sender that has claimed it."""
    log_json: str | None = None
    """Log of attempts, written by senders."""


@dataclass(frozen=True, slots=True)
class DeliveryClaim:
    """A sender's request for due deliveries."""

    claim_id: str
    """Chosen by the sender. A repeat with the same id returns the same deliveries."""
    lease_ms: int
    """Lifetime of the claim. Afterward the deliveries are due again for any sender."""
    limit: int


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """Result of one attempt."""

    delivery_id: str
    claim_id: str
    status: DeliveryStatus
    """`pending`: retry after `delay_ms`. `disabled`: end all deliveries of the job permanently."""
    log_json: str
    delay_ms: int = 0


def delivery_id(job_id: str, event: WebhookEventType, index: int | None = None) -> str:
    """Return the constant id of a job's event. It has no dot, the separator of signed webhook content."""
    name = f"msg_{job_id.removeprefix('job_')}_{event.removeprefix('job.')}"
    return name if index is None else f"{name}_{index}"


def delivery_ids(job_id: str, images: int) -> tuple[str, ...]:
    """Return the ids of all deliveries that a job may have: start, images by index, end."""
    return (
        delivery_id(job_id, "job.started"),
        *(delivery_id(job_id, "job.output", index) for index in range(images)),
        *(delivery_id(job_id, event) for event in END_EVENTS.values()),
    )
