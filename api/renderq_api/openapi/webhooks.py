"""The document's `webhooks`: what the service sends, and how it takes the receiver's answer."""

from typing import Any

from renderq.contract import WEBHOOK_EVENT_TYPES, WebhookEventType

_WHEN: dict[WebhookEventType, str] = {
    "job.started": "A worker has begun with the job, for the first time.",
    "job.output": "A picture is finished; one event for each.",
    "job.succeeded": "All pictures are finished.",
    "job.failed": "The job has ended without all of its pictures.",
    "job.canceled": "The job was canceled.",
    "job.expired": "The job's deadline passed while it was queued.",
}

_HEADERS = {
    "webhook-id": ("Names the event, the same at every attempt: take each id once.", "msg_01j9zq_succeeded"),
    "webhook-timestamp": ("When this attempt was sent, in seconds since 1970.", "1614265330"),
    "webhook-signature": (
        "`v1,` and the base64 of HMAC-SHA256 over `{webhook-id}.{webhook-timestamp}.{body}`; one for each secret, "
        "apart by spaces (Standard Webhooks 1.0).",
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    ),
}

_ANSWERS = {
    "2XX": "Taken. The event is not sent again.",
    "410": "The receiver is gone: the job's webhook is told nothing more.",
    "429": "Later: after `Retry-After`, in seconds or as a date, of at most a day.",
    "503": "Later: after `Retry-After`, in seconds or as a date, of at most a day.",
    "default": "Not taken; redirects are not followed. The next attempt comes after the pause of the schedule.",
}


def webhooks() -> dict[str, Any]:
    """Event → path item; refers to the schema `WebhookEvent`."""
    return {event: {"post": _operation(event)} for event in WEBHOOK_EVENT_TYPES}


def _operation(event: WebhookEventType) -> dict[str, Any]:
    only_this = {"type": "object", "properties": {"type": {"const": event}}}
    return {
        "tags": ["webhooks"],
        "summary": _WHEN[event],
        "operationId": f"webhook_{event.replace('.', '_')}",
        "security": [],
        "parameters": [_header(name, description, example) for name, (description, example) in _HEADERS.items()],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"allOf": [{"$ref": "#/components/schemas/WebhookEvent"}, only_this]}}
            },
        },
        "responses": {status: {"description": description} for status, description in _ANSWERS.items()},
    }


def _header(name: str, description: str, example: str) -> dict[str, Any]:
    return {
        "in": "header",
        "name": name,
        "required": True,
        "description": description,
        "schema": {"type": "string"},
        "example": example,
    }
