"""Detection of files that end properly but lack the last rows of their image. Decoders fill those in silently.

A WebP decoder reports them itself.
"""

import io
import math
import re
import zlib
from collections.abc import Iterator

from PIL import Image, ImageChops

from renderq_api.assets.errors import unreadable
from renderq_api.assets.image_header import JPEG_END, JPEG_SCAN, WINDOW, next_marker, png_chunks

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Color type of a PNG → samples per pixel."""

_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""First column, first row and their steps in each pass of an interlaced PNG."""

_CHUNK = 1 << 20

_RESTART = re.compile(rb"\xff[\xd0-\xd7]")

_PADDING = bytes(1 + number * 73 % 251 for number in range(256))
"""Entropy-coded data of no meaning."""

_BLOCK_SIDE = 8
"""Pixels. A restart interval has at least one block."""

_UNIT_WIDTH, _UNIT_HEIGHT = 32, 16
"""Pixels of the largest unit of a JPEG. Some encoders leave out the last bits of the last unit."""


def check_png_rows(file: bytes) -> None:
    """Raise `ImageRejected` if the compressed data of a PNG ends before the last row."""
    chunks = png_chunks(file)
    missing = _png_bytes(bytes(next(body for kind, body in chunks if kind == b"IHDR")))
    decompressor = zlib.decompressobj()
    for kind, body in chunks:
        if kind != b"IDAT" or missing <= 0:
            continue
        pending: bytes | memoryview = body
        while True:
            length = len(decompressor.decompress(pending, _CHUNK))
            missing -= length
            pending = decompressor.unconsumed_tail
            if not pending and length < _CHUNK:
                break
    if missing > 0:
        raise unreadable("its last rows are missing")


def check_jpeg_rows(file: bytes, decoded: Image.Image) -> None:
    """Raise `ImageRejected` if the entropy-coded data of a JPEG ends too early. `decoded` is the file's `luma`.

    A decoder replaces missing data by zeros. So meaningless data is put behind each restart interval and each scan: it
    changes what is decoded only where data was missing, for behind complete data a decoder skips it.
    """
    intervals = math.ceil(decoded.width / _BLOCK_SIDE) * math.ceil(decoded.height / _BLOCK_SIDE)
    changed = ImageChops.difference(decoded, luma(b"".join(_padded(file, intervals)))).getbbox()
    if changed and (changed[0] < decoded.width - _UNIT_WIDTH or changed[1] < decoded.height - _UNIT_HEIGHT):
        raise unreadable("a part of the image is missing")


def luma(file: bytes) -> Image.Image:
    """Decode the brightness of a JPEG, or all channels of one that is not RGB."""
    with Image.open(io.BytesIO(file), formats=("JPEG",)) as image:
        image.draft("L", image.size)
        image.load()
        return image


def _png_bytes(header: bytes) -> int:
    """Return the size of the decompressed data: the packed samples of each row and one byte for its filter."""
    width, height = int.from_bytes(header[:4]), int.from_bytes(header[4:8])
    depth, color, interlaced = header[8], header[9], header[12]
    bits = depth * _CHANNELS[color]
    passes = _ADAM7 if interlaced else ((0, 0, 1, 1),)
    sizes = ((_steps(width, x, step_x), _steps(height, y, step_y)) for x, y, step_x, step_y in passes)
    return sum(rows * (1 + (columns * bits + 7) // 8) for columns, rows in sizes if columns)


def _steps(length: int, first: int, step: int) -> int:
    return max(0, -(-(length - first) // step))


def _padded(file: bytes, intervals: int) -> Iterator[bytes]:
    """Yield the file with padding before each marker that ends entropy-coded data.

    `intervals`: maximum number of restart intervals in a scan. Raises `ImageRejected`.
    """
    copied = position = 0
    while (marker := next_marker(file, position)) and marker[1][0] != JPEG_END:
        position = marker.end() + int.from_bytes(file[marker.end() : marker.end() + 2])
        if marker[1][0] == JPEG_SCAN:
            end = next_marker(file, position)
            yield file[copied:position]
            copied, restarts = end.start() if end else len(file), 0
            for window in _windows(file, position, copied):
                padded, count = _RESTART.subn(lambda restart: _PADDING[:8] + restart[0], window)
                restarts += count
                if restarts > intervals:
                    raise unreadable("it has too many restart markers")
                yield padded
            yield _PADDING + bytes([0xFF, 0xD0 + restarts % 8]) + _PADDING  # also where a whole interval is missing
            position = copied
    yield file[copied:]


def _windows(file: bytes, start: int, end: int) -> Iterator[bytes]:
    """Yield a part of a file in pieces that do not divide a marker."""
    while start < end:
        stop = min(start + WINDOW, end)
        while stop < end and file[stop - 1] == 0xFF:
            stop += 1
        yield file[start:stop]
        start = stop
