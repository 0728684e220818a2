"""PNG files of plain color, written with the standard library."""

import hashlib
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

Color = bytes
"""Three bytes: red, green, blue."""

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class FakeImage:
    """A PNG file."""

    data: bytes
    width: int
    height: int
    pixel_sha256: str
    """SHA-256 of the RGB bytes, row by row."""


def plain_image(color: Color, width: int, height: int) -> FakeImage:
    """Draw an image of one color."""
    return tiled_image([[color]], width, height)


def tiled_image(tiles: Sequence[Sequence[Color]], width: int, height: int) -> FakeImage:
    """Draw rows of tiles of plain color, each `width` × `height` pixels."""
    rows = [b"".join(color * width for color in row) for row in tiles]
    size = (len(rows[0]) // 3, height * len(rows))
    scanlines = b"".join((b"\0" + row) * height for row in rows)
    digest = hashlib.sha256()
    for row in rows:
        digest.update(row * height)
    header = struct.pack(">IIBBBBB", *size, 8, 2, 0, 0, 0)  # 8 bits per channel, RGB
    chunks = _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(scanlines, 1)) + _chunk(b"IEND", b"")
    return FakeImage(PNG_SIGNATURE + chunks, *size, digest.hexdigest())


def color_of(prompt: str, seed: int) -> Color:
    """Return a color that depends only on prompt and seed."""
    return hashlib.sha256(f"{seed}:{prompt}".encode()).digest()[:3]


def detect_image(data: bytes) -> tuple[str, int, int] | None:
    """Return content type, width and height of an image file; `None` if it is not a PNG, JPEG or WebP.

    The size of JPEG and WebP files is not read; it is 1 × 1.
    """
    if data.startswith(PNG_SIGNATURE) and len(data) >= 24:
        return "image/png", *struct.unpack(">II", data[16:24])
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg", 1, 1
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp", 1, 1
    return None


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
