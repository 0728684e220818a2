"""Signed addresses of a folder's objects: HMAC-SHA256 over key and expiry."""

import base64
import hashlib
import hmac
from urllib.parse import urlencode

FILES_PATH = "/v1/files/"
"""Where the API serves a folder's objects; the key follows."""


def signed_path(secret: bytes, key: str, expires: int) -> str:
    """Path and query that open `key` until `expires` (seconds since the epoch)."""
    return f"{FILES_PATH}{key}?{urlencode({'expires': expires, 'signature': signature(secret, key, expires)})}"


def signature(secret: bytes, key: str, expires: int) -> str:
    message = f"renderq file v1\n{expires}\n{key}".encode()
    digest = hmac.digest(secret, message, hashlib.sha256)
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def is_signed(secret: bytes, key: str, expires: int, presented: str) -> bool:
    """Whether `presented` is the signature, compared in constant time. Says nothing about the expiry."""
    return hmac.compare_digest(signature(secret, key, expires).encode(), presented.encode("utf-8", "replace"))
