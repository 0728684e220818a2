"""An image's file, opened within bounds: Pillow believes what a file says of itself."""

import contextlib
import io
import struct
import warnings
from collections.abc import Generator
from pathlib import Path

from PIL import Image

from renderq.contract import LIMITS

_FORMATS = ("PNG", "JPEG", "WEBP")
_BYTES_MAX = 128 << 20
"""The largest grid has 48 MiB of pixels."""
_SCANS_MAX = 64
"""Of a JPEG: encoders write about ten, and each draws the whole image."""


class ImageUnreadable(Exception):
    """The file is no image that could be looked into."""


@contextlib.contextmanager
def open_image(path: Path) -> Generator[tuple[bytes, Image.Image]]:
    """The file and its image, of which only the header has been read.

    What turns out to be damaged within the block, and before it, raises `ImageUnreadable`; so does an `OSError`.
    """
    try:
        data = _bytes(path)
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            if image.width * image.height > LIMITS.asset_pixels:
                raise ImageUnreadable(
                    f"it has {image.width:,} × {image.height:,} pixels; at most {LIMITS.asset_pixels:,} are looked at"
                )
            yield data, image
    except Image.DecompressionBombError as error:
        raise ImageUnreadable(f"it has more than {LIMITS.asset_pixels:,} pixels") from error
    except Image.UnidentifiedImageError as error:
        raise ImageUnreadable("it is no PNG, JPEG or WebP") from error
    except (OSError, SyntaxError, ValueError, EOFError, struct.error, KeyError, TypeError, IndexError) as error:
        raise ImageUnreadable(getattr(error, "strerror", None) or f"it is damaged: {error}") from error


def _bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(_BYTES_MAX + 1)
    if len(data) > _BYTES_MAX:
        raise ImageUnreadable(f"it has more than {_BYTES_MAX >> 20} MiB")
    if data.startswith(b"\xff\xd8") and data.count(b"\xff\xda") > _SCANS_MAX:
        raise ImageUnreadable("it is drawn more often than any program does")
    return data
