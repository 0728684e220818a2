"""Tokens in the addresses of event streams: a browser's EventSource cannot send a header.

A token is signed with the digest of the key that asked for it. So it needs no secret of its own, every API process can
check it, and it dies with its key.
"""

import base64
import hashlib
import hmac
import re

from renderq_shared.access import KeyRecord

TOKEN_S = 600
"""How long a token opens a stream; a stream that is open may go on for longer."""

_TOKEN = re.compile(r"(rq_[0-9a-z]{10})\.([0-9]{1,12})\.[A-Za-z0-9_-]{43}")


def event_token(key: KeyRecord, job_id: str, now_ms: int) -> str:
    """Opens the events of one job to whoever has it."""
    return _signed(key, job_id, now_ms // 1000 + TOKEN_S)


def token_key_id(token: str) -> str | None:
    """Whose token it says it is; `None` if it cannot be one."""
    match = _TOKEN.fullmatch(token)
    return match[1] if match else None


def verify_event_token(token: str, key: KeyRecord, job_id: str, now_ms: int) -> bool:
    """Whether this is a token of that key for that job, and in time."""
    match = _TOKEN.fullmatch(token)
    if match is None:
        return False
    expires_s = int(match[2])
    return hmac.compare_digest(token, _signed(key, job_id, expires_s)) and now_ms < expires_s * 1000


def _signed(key: KeyRecord, job_id: str, expires_s: int) -> str:
    said = f"renderq events {key.id} {job_id} {expires_s}".encode()
    mac = hmac.digest(key.digest.encode(), said, hashlib.sha256)
    return f"{key.id}.{expires_s}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"
