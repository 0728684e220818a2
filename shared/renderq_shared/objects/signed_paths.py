"""Signed URLs of files that the API serves: HMAC-SHA256 over key, expiry, and disposition if there is one."""

import base64
import hashlib
import hmac
from urllib.parse import urlencode

FILES_PATH = "/v1/files/"
"""URL path under which the API serves these files, followed by the key."""


def signed_path(secret: bytes, key: str, expires: int, disposition: str | None = None) -> str:
    """Return path and query of a URL for `key` that is valid until `expires` (seconds since the epoch)."""
    signature = _sign(secret, key, expires, disposition)
    query = {"expires": expires, "signature": signature} | ({"disposition": disposition} if disposition else {})
    return f"{FILES_PATH}{key}?{urlencode(query)}"


def is_signed(secret: bytes, key: str, expires: int, signature: str, disposition: str | None = None) -> bool:
    """Return whether the signature is valid, in constant time. Does not check the expiry."""
    expected = _sign(secret, key, expires, disposition)
    return hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace"))


def _sign(secret: bytes, key: str, expires: int, disposition: str | None) -> str:
    lines = ["renderq file v1", str(expires), key, *([disposition] if disposition else [])]
    digest = hmac.digest(secret, "\n".join(lines).encode("utf-8", "replace"), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
