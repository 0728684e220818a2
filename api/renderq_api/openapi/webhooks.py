"""`webhooks` section of the OpenAPI document: events, signature headers, meaning of the receiver's responses."""

from typing import Any

from renderq.contract import WEBHOOK_EVENT_TYPES, WebhookEvent, WebhookEventType
from renderq_api.openapi.parameters import header
from renderq_api.openapi.schemas import schema_ref

_SUMMARIES: dict[WebhookEventType, str] = {
    "job.started": "A worker has started the job for the first time.",
    "job.output": "An image is finished; one event per image.",
    "job.succeeded": "All images are finished.",
    "job.failed": "The job failed; some images may be missing.",
    "job.canceled": "The job was canceled.",
    "job.expired": "The job's deadline passed while it was queued.",
}

_HEADERS = {
    "webhook-id": ("Id of the event, the same for every attempt: process each id once.", "msg_01j9zq_succeeded"),
    "webhook-timestamp": ("Time of this attempt, in seconds since the Unix epoch.", "1614265330"),
    "webhook-signature": (
        "`v1,` and the base64 of HMAC-SHA256 over `{webhook-id}.{webhook-timestamp}.{body}`; one per secret, "
        "separated by spaces (Standard Webhooks 1.0).",
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    ),
}

_RESPONSES = {
    "2XX": "Delivered. The event is not sent again.",
    "410": "The receiver is gone. The job's webhook gets no further events.",
    "429": "Retried after `Retry-After` (seconds or a date), at most one day.",
    "503": "Retried after `Retry-After` (seconds or a date), at most one day.",
    "default": "Not delivered; redirects are not followed. Retried after the next delay of the schedule.",
}


def webhooks() -> dict[str, Any]:
    """Return event type → path item. Refers to the schema `WebhookEvent`."""
    return {event: {"post": _operation(event)} for event in WEBHOOK_EVENT_TYPES}


def _operation(event: WebhookEventType) -> dict[str, Any]:
    of_this_type = {"type": "object", "properties": {"type": {"const": event}}}
    return {
        "tags": ["webhooks"],
        "summary": _SUMMARIES[event],
        "operationId": f"webhook_{event.replace('.', '_')}",
        "security": [],
        "parameters": [
            {**header(name, description, example), "required": True}
            for name, (description, example) in _HEADERS.items()
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"allOf": [schema_ref(WebhookEvent), of_this_type]}}},
        },
        "responses": {status: {"description": description} for status, description in _RESPONSES.items()},
    }
