"""Signed URLs of the objects of a folder store: HMAC-SHA256 over key and expiry."""

import base64
import hashlib
import hmac
from urllib.parse import urlencode

FILES_PATH = "/v1/files/"
"""URL path under which the API serves these objects, followed by the key."""


def signed_path(secret: bytes, key: str, expires: int) -> str:
    """Return path and query of a URL for `key` that is valid until `expires` (seconds since the epoch)."""
    return f"{FILES_PATH}{key}?{urlencode({'expires': expires, 'signature': _sign(secret, key, expires)})}"


def is_signed(secret: bytes, key: str, expires: int, signature: str) -> bool:
    """Return whether the signature is valid, in constant time. Does not check the expiry."""
    return hmac.compare_digest(_sign(secret, key, expires).encode(), signature.encode("utf-8", "replace"))


def _sign(secret: bytes, key: str, expires: int) -> str:
    message = f"renderq file v1\n{expires}\n{key}".encode()
    digest = hmac.digest(secret, message, hashlib.sha256)
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
