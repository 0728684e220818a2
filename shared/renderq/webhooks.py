"""Verification of received webhooks."""

import hmac
import time
from collections.abc import Mapping

from pydantic import ValidationError

from renderq.contract import WebhookEvent
from renderq.contract.webhook_signature import parse_secret, sign
from renderq.errors import WebhookInvalid

__all__ = ["verify"]

_TOLERANCE_S = 300
"""Largest difference between `webhook-timestamp` and now: prevents the replay of recorded messages."""


def verify(headers: Mapping[str, str], body: bytes, secret: str) -> WebhookEvent:
    """Verify the signature of a webhook and return its event. `body`: the raw bytes, before any parsing.

    Raises `WebhookInvalid` (respond with 400), and `ValueError` for a malformed secret. An event may be delivered more
    than once: process each `webhook-id` once.
    """
    key = parse_secret(secret)
    lowercase = {name.lower(): value for name, value in headers.items()}
    webhook_id, timestamp, signatures = (
        lowercase.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature")
    )
    is_ascii = webhook_id.isascii() and timestamp.isascii() and signatures.isascii()
    if not webhook_id or not signatures or not is_ascii or not (timestamp.isdigit() and len(timestamp) < 16):
        raise WebhookInvalid("the headers webhook-id, webhook-timestamp and webhook-signature are missing or malformed")
    if abs(time.time() - int(timestamp)) > _TOLERANCE_S:
        raise WebhookInvalid(
            f"its timestamp differs from this machine's clock by more than {_TOLERANCE_S} s; check the clock"
        )
    expected = sign(key, webhook_id, int(timestamp), body).encode()
    matches = [hmac.compare_digest(expected, each.encode()) for each in signatures.split(" ")]
    if not any(matches):
        raise WebhookInvalid("no signature matches this secret and body")
    try:
        return WebhookEvent.model_validate_json(body)
    except ValidationError as error:
        raise WebhookInvalid("the signature is valid, but the body is not an event that this version knows") from error
