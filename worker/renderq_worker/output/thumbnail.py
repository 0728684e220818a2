"""Thumbnails: small WebP files, for lists of images."""

import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

CONTENT_TYPE = "image/webp"

MAX_SIDE = 320
"""Pixels. An image that is no larger needs no thumbnail: its own file is small."""

_QUALITY = 80


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """An encoded thumbnail."""

    data: bytes
    width: int
    height: int


def encode_thumbnail(pixels: npt.NDArray[np.uint8]) -> Thumbnail | None:
    """Reduce RGB pixels [height, width, 3] to `MAX_SIDE`, in their proportions; `None` if they are no larger."""
    image = Image.fromarray(pixels)
    if max(image.size) <= MAX_SIDE:
        return None
    image.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=_QUALITY)
    return Thumbnail(buffer.getvalue(), *image.size)
