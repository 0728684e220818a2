"""Tokens in the URLs of event streams, because a browser's EventSource cannot send headers.

A token is signed with the service's secret, which is not in Redis: who reads the digests of the API keys there can sign
nothing. The digest of the caller's key is part of the signed message, so a token is revoked with its key.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence

from renderq_shared.access import KeyRecord

TOKEN_S = 600
"""Lifetime of a token. A stream that is already open may continue beyond it."""

_TOKEN = re.compile(r"(rq_[0-9a-z]{10})\.([0-9]{1,12})\.[A-Za-z0-9_-]{43}")


def token_key_id(token: str) -> str | None:
    """Return the key id that an unverified token claims; `None` if it is malformed."""
    match = _TOKEN.fullmatch(token)
    return match[1] if match else None


class EventTokens:
    """Signs with the first secret, and accepts all of them."""

    def __init__(self, secrets: Sequence[bytes]) -> None:
        self._keys = [hmac.digest(secret, b"renderq event tokens", hashlib.sha256) for secret in secrets]

    def sign(self, key: KeyRecord, job_id: str, now_ms: int) -> str:
        """Return a token for the events of one job."""
        return _signed(self._keys[0], key, job_id, now_ms // 1000 + TOKEN_S)

    def verify(self, token: str, key: KeyRecord, job_id: str, now_ms: int) -> bool:
        """Return whether this is a token of the key for the job that has not expired."""
        match = _TOKEN.fullmatch(token)
        if match is None or now_ms >= int(match[2]) * 1000:
            return False
        return any(hmac.compare_digest(token, _signed(each, key, job_id, int(match[2]))) for each in self._keys)


def _signed(signing_key: bytes, key: KeyRecord, job_id: str, expires_s: int) -> str:
    message = f"renderq events {key.id} {key.digest} {job_id} {expires_s}".encode()
    mac = hmac.digest(signing_key, message, hashlib.sha256)
    return f"{key.id}.{expires_s}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"
