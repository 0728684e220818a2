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
