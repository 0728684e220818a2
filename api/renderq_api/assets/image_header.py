"""What a picture's file says of itself, read before anything is decoded: type, size, and that it is no bomb.

Pillow decodes what is let through here. It trusts files in ways that cost minutes or gigabytes: it believes every size
until it allocates it, follows any number of metadata chunks, and draws a JPEG as often as it has scans.
"""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from renderq.contract import LIMITS
from renderq.contract.assets import AssetType
from renderq_api.assets.errors import ImageRejected, unreadable

_METADATA_CHUNKS = 256
"""Chunks of a PNG that hold no pixels; real ones have a few dozen at most. Each may unpack to a megabyte."""

_PIXEL_CHUNKS = 1 << 16
"""Chunks of a PNG that hold pixels: the smallest that encoders write have 4 KiB."""

_SEGMENTS = 4_096
"""Segments of a JPEG. A color profile of 16 MiB has 256."""

_SCANS = 64
"""Scans of a JPEG; encoders write about ten. Each one draws the whole picture: a few bytes for seconds of work."""

_OTHERS: dict[bytes, str] = {
    b"GIF8": "a GIF",
    b"II*\0": "a TIFF",
    b"MM\0*": "a TIFF",
    b"BM": "a BMP",
    b"%PDF": "a PDF",
    b"PK\3\4": "a ZIP archive",
    b"<": "SVG, HTML or XML",
}
"""First bytes → what people upload by mistake."""

_ISO_BRANDS = {b"avif": "an AVIF", b"heic": "a HEIC", b"heix": "a HEIC", b"mif1": "a HEIC"}


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """What a file claims to be. Within the limits, but not decoded yet."""

    content_type: AssetType
    width: int
    height: int


def read_header(data: bytes) -> ImageHeader:
    """Raises `ImageRejected`."""
    try:
        found = _read(data)
    except IndexError as error:
        raise unreadable("the file ends early") from error
    if not found.width or not found.height:
        raise unreadable("it has no pixels")
    if found.width * found.height > LIMITS.asset_pixels:
        raise ImageRejected(
            "asset_too_large",
            f"The picture has {found.width:,} × {found.height:,} pixels; at most {LIMITS.asset_pixels:,} are taken. "
            "Make it smaller.",
        )
    return found


def _read(data: bytes) -> ImageHeader:
    if not data:
        raise unreadable("the file is empty")
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return ImageHeader("image/png", *_png_size(data))
    if data.startswith(b"\xff\xd8\xff"):
        return ImageHeader("image/jpeg", *_jpeg_size(data))
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return ImageHeader("image/webp", *_webp_size(data))
    beginning = data[:64].lstrip()
    what = next((name for start, name in _OTHERS.items() if beginning.startswith(start)), "none of them")
    if data[4:8] == b"ftyp":
        what = _ISO_BRANDS.get(data[8:12], what)
    raise ImageRejected("unsupported_media_type", f"A picture must be PNG, JPEG or WebP; this is {what}.")


def _png_size(data: bytes) -> tuple[int, int]:
    """https://www.w3.org/TR/png-3/#5Chunk-layout"""
    size: tuple[int, int] | None = None
    metadata = pixels = 0
    for kind, body in _png_chunks(data):
        if kind == b"IHDR":
            size = size or (int.from_bytes(body[:4]), int.from_bytes(body[4:8]))
        if kind == b"acTL" and int.from_bytes(body[:4]) != 1:
            raise _animated()
        pixels, metadata = pixels + (kind == b"IDAT"), metadata + (kind != b"IDAT")
        if metadata > _METADATA_CHUNKS or pixels > _PIXEL_CHUNKS:
            raise unreadable("it has more chunks than any program writes")
    if size is None:
        raise unreadable("its header is missing")
    return size


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    view, position, kind = memoryview(data), 8, b""
    while kind != b"IEND":
        length = int.from_bytes(view[position : position + 4])
        end = position + 12 + length
        if end > len(data):
            raise unreadable("the file ends early")
        kind = bytes(view[position + 4 : position + 8])
        if zlib.crc32(view[position + 4 : end - 4]) != int.from_bytes(view[end - 4 : end]):
            raise unreadable("it is damaged")
        yield kind, view[position + 8 : end - 4]
        position = end


_JPEG_MARKER = re.compile(rb"\xff([^\x00\xff\x01\xd0-\xd8])")
"""The next marker that begins a segment or ends the picture, whatever data it stands in."""

_JPEG_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
"""Start of frame, of any process: it has the size."""

_JPEG_SCAN, _JPEG_END = 0xDA, 0xD9


def _jpeg_size(data: bytes) -> tuple[int, int]:
    """https://www.w3.org/Graphics/JPEG/itu-t81.pdf, annex B. What follows the end (phones add more pictures) stays."""
    size: tuple[int, int] | None = None
    scans, position = 0, 2
    for _ in range(_SEGMENTS):
        marker = _JPEG_MARKER.search(data, position)
        if marker is None:
            raise unreadable("the file ends early")
        kind, start = marker[1][0], marker.end()
        if kind == _JPEG_END:
            break
        if kind in _JPEG_FRAMES:
            size = size or (int.from_bytes(data[start + 5 : start + 7]), int.from_bytes(data[start + 3 : start + 5]))
        scans += kind == _JPEG_SCAN
        if scans > _SCANS:
            raise unreadable("it has more scans than any program writes")
        position = start + int.from_bytes(data[start : start + 2])
    else:
        raise unreadable("it has more segments than any program writes")
    if size is None:
        raise unreadable("its header is missing")
    return size


def _webp_size(data: bytes) -> tuple[int, int]:
    """https://www.rfc-editor.org/rfc/rfc9649#section-2"""
    kind, body = data[12:16], data[20:30]
    if kind == b"VP8X":
        if body[0] & 0b10:
            raise _animated()
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        return int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF
    raise unreadable("its header is missing")


def _animated() -> ImageRejected:
    return unreadable("it is animated", "Send one frame of it")
