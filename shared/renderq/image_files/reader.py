"""Opening of untrusted image files, with limits that Pillow lacks."""

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
"""Largest file; the largest grid has 48 MiB of pixels."""
_SCANS_MAX = 64
"""Most scans of a JPEG: encoders write about ten, and decoding each costs a full image."""


class ImageUnreadable(Exception):
    """The file is not an image that can be inspected."""


@contextlib.contextmanager
def open_image(path: Path) -> Generator[tuple[bytes, Image.Image]]:
    """Yield the bytes of a file and its image, of which only the header has been read.

    Damage that is found while opening or within the block raises `ImageUnreadable`, and so does an `OSError`.
    """
    try:
        data = _bytes(path)
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            if image.width * image.height > LIMITS.asset_pixels:
                raise ImageUnreadable(
                    f"it has {image.width:,} × {image.height:,} pixels; the limit is {LIMITS.asset_pixels:,}"
                )
            yield data, image
    except Image.DecompressionBombError as error:
        raise ImageUnreadable(f"it has more than {LIMITS.asset_pixels:,} pixels") from error
    except Image.UnidentifiedImageError as error:
        raise ImageUnreadable("it is not a PNG, JPEG or WebP") from error
    except (OSError, SyntaxError, ValueError, EOFError, struct.error, KeyError, TypeError, IndexError) as error:
        raise ImageUnreadable(getattr(error, "strerror", None) or f"it is damaged: {error}") from error


def _bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(_BYTES_MAX + 1)
    if len(data) > _BYTES_MAX:
        raise ImageUnreadable(f"it has more than {_BYTES_MAX >> 20} MiB")
    if data.startswith(b"\xff\xd8") and data.count(b"\xff\xda") > _SCANS_MAX:
        raise ImageUnreadable(f"it has more than {_SCANS_MAX} scans")
    return data
