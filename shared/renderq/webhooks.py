"""For those who receive webhooks: is it from the service, and what does it say?"""

import hmac
import time
from collections.abc import Mapping

from pydantic import ValidationError

from renderq.contract import WebhookEvent
from renderq.contract.signatures import parse_secret, sign
from renderq.errors import WebhookInvalid

__all__ = ["verify"]

_TOLERANCE_S = 300
"""How far `webhook-timestamp` may be from now, either way: an old message that was recorded is not taken again."""


def verify(headers: Mapping[str, str], body: bytes, secret: str) -> WebhookEvent:
    """The event of a webhook whose signature is right. `body`: the bytes as they came, before any parsing.

    Raises `WebhookInvalid`, which should be answered with 400, and `ValueError` for a secret that is none. The same
    event may come more than once: take each `webhook-id` once.
    """
    key = parse_secret(secret)
    sent = {name.lower(): value for name, value in headers.items()}
    webhook_id, moment, signatures = (sent.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
    are_plain = webhook_id.isascii() and moment.isascii() and signatures.isascii()
    if not webhook_id or not signatures or not are_plain or not (moment.isdigit() and len(moment) < 16):
        raise WebhookInvalid("the headers webhook-id, webhook-timestamp and webhook-signature are missing or malformed")
    if abs(time.time() - int(moment)) > _TOLERANCE_S:
        raise WebhookInvalid(f"it was sent more than {_TOLERANCE_S} s from now: is this machine's clock right?")
    expected = sign(key, webhook_id, int(moment), body).encode()
    matches = [hmac.compare_digest(expected, each.encode()) for each in signatures.split(" ")]
    if not any(matches):
        raise WebhookInvalid("no signature is made with this secret for this body")
    try:
        return WebhookEvent.model_validate_json(body)
    except ValidationError as error:
        raise WebhookInvalid("the signature is right, but the body is no event of this version's contract") from error
