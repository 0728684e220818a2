"""Standard Webhooks 1.0 signatures: https://www.standardwebhooks.com."""

import base64
import binascii
import hashlib
import hmac

PREFIX = "whsec_"

KEY_BYTES = range(24, 65)
"""Key lengths that the specification allows."""


def parse_secret(secret: str) -> bytes:
    """Parse a `whsec_…` secret to its key. Whitespace around it is ignored. Raises `ValueError`."""
    secret = secret.strip()
    text = secret.removeprefix(PREFIX)
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(PREFIX) or len(key) not in KEY_BYTES:
        raise ValueError("a webhook secret is whsec_ and 24 to 64 random bytes in base64")
    return key


def sign(key: bytes, webhook_id: str, timestamp: int, body: bytes) -> str:
    """Return the `webhook-signature` header. `timestamp`: seconds since the epoch, as in `webhook-timestamp`."""
    digest = hmac.digest(key, f"{webhook_id}.{timestamp}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"
