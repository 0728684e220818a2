"""Image headers, read before decoding: type, size, and limits that stop decompression bombs.

Pillow decodes the files that pass here. It trusts files in ways that cost minutes or gigabytes: it allocates any
declared size, reads any number of metadata chunks, and decodes a JPEG once per scan.
"""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from renderq.contract import LIMITS, AssetType
from renderq_api.assets.errors import ImageRejected, unreadable

_METADATA_CHUNKS = 256
"""Maximum number of PNG chunks without pixels; real files have at most a few dozen. Each may unpack to a megabyte."""

_PIXEL_CHUNKS = 1 << 16
"""Maximum number of PNG chunks with pixels; encoders write chunks of at least 4 KiB."""

_SEGMENTS = 4_096
"""Maximum number of JPEG segments. A color profile of 16 MiB has 256."""

_SCANS = 64
"""Maximum number of JPEG scans; encoders write about ten. Each redraws the whole image: a few bytes cost seconds."""

_FILL = b"\xff" * 256
"""Too many fill bytes in a row in a JPEG; encoders write at most a few. Pillow's decoder reads such a row again with
every 64 KiB."""

WINDOW = 1 << 18
"""Bytes that are searched at once: meanwhile, no other thread runs."""

_OTHER_TYPES: dict[bytes, str] = {
    b"GIF8": "a GIF",
    b"II*\0": "a TIFF",
    b"MM\0*": "a TIFF",
    b"BM": "a BMP",
    b"%PDF": "a PDF",
    b"PK\3\4": "a ZIP archive",
    b"<": "SVG, HTML or XML",
}
"""First bytes → type named in the error, for files often uploaded by mistake."""

_ISO_BRANDS = {b"avif": "an AVIF", b"heic": "a HEIC", b"heix": "a HEIC", b"mif1": "a HEIC"}


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """Declared type and size of a file that is within the limits but not decoded yet."""

    content_type: AssetType
    width: int
    height: int


def read_header(data: bytes) -> ImageHeader:
    """Read a file's header. Raises `ImageRejected`."""
    try:
        header = _read(data)
    except IndexError as error:
        raise unreadable("the file is truncated") from error
    if not header.width or not header.height:
        raise unreadable("it has no pixels")
    if header.width * header.height > LIMITS.asset_pixels:
        raise ImageRejected(
            "asset_too_large",
            f"The image is too large: {header.width:,} × {header.height:,} pixels; the maximum is "
            f"{LIMITS.asset_pixels:,} pixels. Make it smaller.",
        )
    return header


def _read(data: bytes) -> ImageHeader:
    if not data:
        raise unreadable("the file is empty")
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return ImageHeader("image/png", *_png_size(data))
    if data.startswith(b"\xff\xd8\xff"):
        return ImageHeader("image/jpeg", *_jpeg_size(data))
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return ImageHeader("image/webp", *_webp_size(data))
    first = data[:64].lstrip()
    other = next((name for start, name in _OTHER_TYPES.items() if first.startswith(start)), "none of these")
    if data[4:8] == b"ftyp":
        other = _ISO_BRANDS.get(data[8:12], other)
    raise ImageRejected("unsupported_media_type", f"The image must be PNG, JPEG or WebP; this file is {other}.")


def _png_size(data: bytes) -> tuple[int, int]:
    """https://www.w3.org/TR/png-3/#5Chunk-layout"""
    size: tuple[int, int] | None = None
    metadata = pixels = 0
    for kind, body in png_chunks(data):
        if kind == b"IHDR":
            size = size or (int.from_bytes(body[:4]), int.from_bytes(body[4:8]))
        if kind == b"acTL" and int.from_bytes(body[:4]) != 1:
            raise _animated()
        pixels, metadata = pixels + (kind == b"IDAT"), metadata + (kind != b"IDAT")
        if metadata > _METADATA_CHUNKS or pixels > _PIXEL_CHUNKS:
            raise unreadable("it has too many chunks")
    if size is None:
        raise unreadable("its header is missing")
    return size


def png_chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Yield type and body of each chunk. Raises `ImageRejected` for a truncated file and a wrong checksum."""
    view, position, kind = memoryview(data), 8, b""
    while kind != b"IEND":
        length = int.from_bytes(view[position : position + 4])
        end = position + 12 + length
        if end > len(data):
            raise unreadable("the file is truncated")
        kind = bytes(view[position + 4 : position + 8])
        if zlib.crc32(view[position + 4 : end - 4]) != int.from_bytes(view[end - 4 : end]):
            raise unreadable("it is damaged")
        yield kind, view[position + 8 : end - 4]
        position = end


_JPEG_MARKER = re.compile(rb"\xff([^\x00\xff\x01\xd0-\xd8])")
"""Next marker that starts a segment or ends the image, skipping entropy-coded data."""

_JPEG_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
"""Start-of-frame markers of all coding processes; the frame header has the size."""

JPEG_SCAN, JPEG_END = 0xDA, 0xD9


def next_marker(data: bytes, position: int) -> re.Match[bytes] | None:
    """Return the next marker of a JPEG that starts a segment or ends the image."""
    starts = range(position, len(data), WINDOW)
    return next(filter(None, (_JPEG_MARKER.search(data, start, start + WINDOW + 1) for start in starts)), None)


def _jpeg_size(data: bytes) -> tuple[int, int]:
    """https://www.w3.org/Graphics/JPEG/itu-t81.pdf, annex B. Ignores data after the end: phones append more images."""
    size: tuple[int, int] | None = None
    scans, position = 0, 2
    for _ in range(_SEGMENTS):
        marker = next_marker(data, position)
        if marker is None:
            raise unreadable("the file is truncated")
        if data.find(_FILL, position, marker.start()) >= 0:
            raise unreadable("it has too many fill bytes")
        kind, start = marker[1][0], marker.end()
        if kind == JPEG_END:
            break
        if kind in _JPEG_FRAMES:
            size = size or (int.from_bytes(data[start + 5 : start + 7]), int.from_bytes(data[start + 3 : start + 5]))
        scans += kind == JPEG_SCAN
        if scans > _SCANS:
            raise unreadable("it has too many scans")
        position = start + int.from_bytes(data[start : start + 2])
    else:
        raise unreadable("it has too many segments")
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
