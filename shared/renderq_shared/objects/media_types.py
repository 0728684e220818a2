"""Content types of the objects that renderq writes, by extension. Not `mimetypes`, whose table varies by system."""

from pathlib import PurePosixPath
from urllib.parse import quote

MEDIA_TYPES: dict[str, str] = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".webp": "image/webp",
    ".json": "application/json",
}
"""Extension → content type."""


def media_type(key: str) -> str:
    """Return the content type of an object; `application/octet-stream` for an unknown extension."""
    return MEDIA_TYPES.get(PurePosixPath(key).suffix, "application/octet-stream")


def check_media_type(key: str, content_type: str) -> None:
    """Raise `ValueError` unless the key's extension implies `content_type`, because a folder stores only the key."""
    if media_type(key) != content_type:
        raise ValueError(f"{key} is {media_type(key)} by its extension, not {content_type}")


def named_disposition(name: str, *, download: bool) -> str:
    """Return the header for a file with this name, which a browser saves or shows (RFC 6266).

    The name has no quotes and no backslashes.
    """
    kind = "attachment" if download else "inline"
    if name.isascii():
        return f'{kind}; filename="{name}"'
    plain = name.encode("ascii", "ignore").decode().lstrip("-")
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def content_disposition(key: str) -> str:
    """Return the header for an object that a browser displays, and saves as `{job}-{index}.{extension}`."""
    segments = key.split("/")
    name = f"{segments[1]}-{segments[-1]}" if segments[0] == "jobs" and len(segments) > 2 else segments[-1]
    return f'inline; filename="{name}"'
