"""Signed webhooks for tests of a receiver."""

import time
from datetime import UTC, datetime
from uuid import uuid4

from renderq.contract import Job, WebhookEvent, WebhookEventType
from renderq.contract.webhook_signature import parse_secret, sign

WEBHOOK_SECRET = "whsec_" + "dGVzdCBzZWNyZXQgb2YgcmVuZGVycSBvbmx5"
"""A valid secret for tests."""


def signed_webhook(
    job: Job, type: WebhookEventType = "job.succeeded", secret: str = WEBHOOK_SECRET
) -> tuple[dict[str, str], bytes]:
    """Return headers and body of a webhook about a job, signed now. Raises `ValueError` for an invalid secret."""
    unsigned = {"signed_url": None, "signed_url_expires_at": None}
    outputs = tuple(output.model_copy(update=unsigned) for output in job.outputs)
    event = WebhookEvent(type=type, timestamp=datetime.now(UTC), data=job.model_copy(update={"outputs": outputs}))
    body = event.model_dump_json().encode()
    webhook_id, timestamp = f"msg_{uuid4().hex}", int(time.time())
    headers = {
        "content-type": "application/json",
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(parse_secret(secret), webhook_id, timestamp, body),
    }
    return headers, body
