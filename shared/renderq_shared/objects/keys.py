"""Syntax of object keys: nothing that a file system or a URL could interpret differently."""

import re

MAX_KEY_LENGTH = 512
"""Characters."""

_SEGMENT = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}"
_KEY = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*")
_PREFIX = re.compile(rf"(?:{_SEGMENT}/)+")


def is_key(text: str) -> bool:
    """Return whether `text` is a relative path of segments of `A-Z a-z 0-9 . _ -`, none empty or hidden."""
    return len(text) <= MAX_KEY_LENGTH and _KEY.fullmatch(text) is not None


def check_key(key: str) -> str:
    """Return `key`. Raises `ValueError` if it is not an object key."""
    if not is_key(key):
        raise ValueError(
            f"{key!r} is not an object key: must be segments of A-Z a-z 0-9 . _ - joined by slashes, none hidden"
        )
    return key


def check_prefix(prefix: str) -> str:
    """Return `prefix`. Raises `ValueError` unless it is key segments, each followed by a slash."""
    if len(prefix) > MAX_KEY_LENGTH or not _PREFIX.fullmatch(prefix):
        raise ValueError(f"{prefix!r} is not a key prefix: must be key segments, each followed by a slash")
    return prefix
