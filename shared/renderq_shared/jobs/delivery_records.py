"""The outbox's records: events that webhooks are told. Times and texts as in `records`."""

from dataclasses import dataclass

from renderq.contract import DeliveryStatus, WebhookEventType
from renderq_shared.jobs.records import JobRecord


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """One event on its way to the webhook of its job."""

    id: str
    """The `webhook-id`: a function of job, event and index (`delivery_id`)."""
    job_id: str
    tenant: str
    event: WebhookEventType
    status: DeliveryStatus
    created_ms: int
    attempt: int
    """Attempts so far, since the event or the last replay of an ended delivery."""
    record: JobRecord
    """The job as it was right after the event."""
    due_ms: int | None = None
    """While pending: the next attempt, or the end of the sender's lease."""
    claim_id: str | None = None
    """Fencing token of the sender that holds it now."""
    log_json: str | None = None
    """What senders wrote of their attempts."""


@dataclass(frozen=True, slots=True)
class DeliveryClaim:
    """A sender's question for deliveries that are due."""

    claim_id: str
    """Made by the sender; asking again with the same one returns the same deliveries."""
    lease_ms: int
    """After this the deliveries are due again, for anybody."""
    limit: int


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """What came of one attempt."""

    delivery_id: str
    claim_id: str
    status: DeliveryStatus
    """`pending`: try again after `delay_ms`. `disabled` ends all of the job's deliveries, for good."""
    log_json: str
    delay_ms: int = 0


def delivery_id(job_id: str, event: WebhookEventType, index: int | None = None) -> str:
    """The id of a job's event, everywhere and always; it holds no dot, as signatures demand."""
    name = f"msg_{job_id.removeprefix('job_')}_{event.removeprefix('job.')}"
    return name if index is None else f"{name}_{index}"
