"""Tokens in the URLs of event streams, because a browser's EventSource cannot send headers.

A token is signed with the digest of the caller's API key. So it needs no secret of its own, every API process can
verify it, and it is revoked with its key.
"""

import base64
import hashlib
import hmac
import re

from renderq_shared.access import KeyRecord

TOKEN_S = 600
"""Lifetime of a token. A stream that is already open may continue beyond it."""

_TOKEN = re.compile(r"(rq_[0-9a-z]{10})\.([0-9]{1,12})\.[A-Za-z0-9_-]{43}")


def event_token(key: KeyRecord, job_id: str, now_ms: int) -> str:
    """Return a token for the events of one job."""
    return _signed(key, job_id, now_ms // 1000 + TOKEN_S)


def token_key_id(token: str) -> str | None:
    """Return the key id that an unverified token claims; `None` if it is malformed."""
    match = _TOKEN.fullmatch(token)
    return match[1] if match else None


def verify_event_token(token: str, key: KeyRecord, job_id: str, now_ms: int) -> bool:
    """Return whether this is a token of the key for the job that has not expired."""
    match = _TOKEN.fullmatch(token)
    if match is None:
        return False
    expires_s = int(match[2])
    return hmac.compare_digest(token, _signed(key, job_id, expires_s)) and now_ms < expires_s * 1000


def _signed(key: KeyRecord, job_id: str, expires_s: int) -> str:
    message = f"renderq events {key.id} {job_id} {expires_s}".encode()
    mac = hmac.digest(key.digest.encode(), message, hashlib.sha256)
    return f"{key.id}.{expires_s}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"
