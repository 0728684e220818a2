"""Finished images as Pillow images, for notebooks and further work."""

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage


def to_pillow(data: bytes) -> "PillowImage":
    """Decode an image file. Raises `ImportError` without Pillow."""
    try:
        from PIL import Image
    except ModuleNotFoundError:
        raise ImportError("this needs Pillow: pip install 'renderq[inspect]'") from None
    image = Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP"))
    image.load()
    return image


def to_png(data: bytes) -> bytes:
    """Convert an image file to PNG. Raises `ImportError` without Pillow."""
    buffer = io.BytesIO()
    to_pillow(data).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
