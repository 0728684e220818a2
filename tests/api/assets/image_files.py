"""Image files for uploads: valid, damaged and hostile ones."""

import io
import struct
import zlib
from typing import Any

from PIL import Image

FORMATS = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}


def image_file(kind: str = "PNG", width: int = 24, height: int = 16, mode: str = "RGB", **options: Any) -> bytes:
    """Return an image file with deterministic content."""
    image = Image.linear_gradient("L").resize((width, height)).convert(mode)
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def chunk(kind: bytes, body: bytes = b"") -> bytes:
    """Return a PNG chunk."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_file(*chunks: bytes, width: int = 1, height: int = 1, interlaced: bool = False) -> bytes:
    """Return an 8-bit gray PNG with these chunks between header and end."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, interlaced))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + chunk(b"IEND")


def idat_chunk(data: bytes) -> bytes:
    return chunk(b"IDAT", zlib.compress(data, 9))


ONE_PIXEL = idat_chunk(b"\0\x80")


def animated_file(kind: str) -> bytes:
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    file = io.BytesIO()
    frames[0].save(file, kind, save_all=True, append_images=frames[1:])
    return file.getvalue()


def many_scans(scans: int) -> bytes:
    """Return a progressive JPEG whose last scan is repeated."""
    file = image_file("JPEG", 64, 64, progressive=True)
    last, end = file.rindex(b"\xff\xda"), file.rindex(b"\xff\xd9")
    return file[:end] + file[last:end] * scans + file[end:]


def rotated_file(kind: str, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return image_file(kind, exif=exif)
