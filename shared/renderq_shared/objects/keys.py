"""What a key may look like: nothing that a file system or a URL could read in another way."""

import re

KEY_CHARACTERS = 512
"""Longest key."""

_SEGMENT = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}"
_KEY = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*")
_PREFIX = re.compile(rf"(?:{_SEGMENT}/)+")


def is_key(text: str) -> bool:
    """Whether `text` is a relative path of plain segments: none empty, hidden, or with odd characters."""
    return len(text) <= KEY_CHARACTERS and _KEY.fullmatch(text) is not None


def check_key(key: str) -> str:
    """Raises `ValueError` for anything that is not a key."""
    if not is_key(key):
        raise ValueError(
            f"{key!r} is not an object key: segments of A-Z a-z 0-9 . _ - joined by slashes, no hidden ones"
        )
    return key


def check_prefix(prefix: str) -> str:
    """Raises `ValueError` for anything but whole segments, each followed by a slash."""
    if len(prefix) > KEY_CHARACTERS or not _PREFIX.fullmatch(prefix):
        raise ValueError(f"{prefix!r} is not a key prefix: key segments, each followed by a slash")
    return prefix
