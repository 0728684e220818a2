"""Content types of what renderq writes, told by the key's extension. A table of our own: the system's one varies."""

from pathlib import PurePosixPath

MEDIA_TYPES: dict[str, str] = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".webp": "image/webp",
    ".json": "application/json",
}
"""Extension → content type."""


def media_type(key: str) -> str:
    """The content type of an object; `application/octet-stream` for what the table does not know."""
    return MEDIA_TYPES.get(PurePosixPath(key).suffix, "application/octet-stream")


def check_media_type(key: str, content_type: str) -> None:
    """Raises `ValueError` where the key's extension says another content type: a folder records no other one."""
    if media_type(key) != content_type:
        raise ValueError(f"{key} is {media_type(key)} by its extension, not {content_type}")


def content_disposition(key: str) -> str:
    """How a browser treats an object: it shows it, and saves it as `{job}-{index}.{extension}`."""
    segments = key.split("/")
    name = f"{segments[1]}-{segments[-1]}" if segments[0] == "jobs" and len(segments) > 2 else segments[-1]
    return f'inline; filename="{name}"'
