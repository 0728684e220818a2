"""Input images as callers have them → the bytes of an image file."""

import io
import os
import re
import sys
from pathlib import Path
from typing import Any, TypeGuard

from renderq.contract import LIMITS
from renderq.errors import InvalidArgument
from renderq.request_params import PillowImage

TAKES = "a path, bytes, a file opened for reading bytes, or a PIL image"

_READ_MAX = LIMITS.asset_bytes + 1
"""One byte more than the service accepts, so that it refuses what is larger."""

_URL = re.compile(r"\s*(?:[a-z][a-z0-9+.-]+://|data:)", re.IGNORECASE)

_PNG_MODES = {
    "CMYK": "RGB",
    "YCbCr": "RGB",
    "HSV": "RGB",
    "RGBX": "RGB",
    "RGBa": "RGBA",
    "PA": "RGBA",
    "La": "LA",
}
"""Pillow mode that PNG lacks → mode to convert to."""

_ORIENTATION = 0x0112


def read_image(source: object, field: str = "image") -> bytes:
    """Return an image file, at most one byte more than the service accepts. `field`: the argument, for messages.

    Raises `InvalidArgument` for what is not an image source, has no bytes, or cannot be read as bytes; `OSError`.
    """
    data = _read(source, field)
    if not data and isinstance(source, str | os.PathLike):
        raise InvalidArgument(f"{field}: the file {os.fsdecode(source)!r} is empty")
    if not data:
        raise InvalidArgument(f"{field} has no bytes; a file that has been read is at its end: seek(0) first")
    return data


def _read(source: object, field: str) -> bytes:
    if isinstance(source, str | os.PathLike):
        return _read_path(os.fsdecode(source), field)
    if _is_pillow_image(source):
        return _encode(source, field)
    if (flat := _flat_bytes(source)) is not None:
        return flat
    if callable(getattr(source, "read", None)):
        return _read_file(source, field)
    hint = "; convert an array with PIL.Image.fromarray" if hasattr(source, "__array__") else ""
    raise InvalidArgument(f"{field} takes {TAKES}, not {type(source).__name__}{hint}")


def _read_path(path: str, field: str) -> bytes:
    if _URL.match(path):
        shown = path.strip()[:60]
        raise InvalidArgument(
            f"{field} takes an https URL or a base64 data URL, such as data:image/png;base64,…, "
            f"or {TAKES}; {shown!r} is neither"
        )
    try:
        with Path(path).open("rb") as file:
            return _read_file(file, field)
    except ValueError as error:  # a NUL character
        raise InvalidArgument(f"{field}: {path!r} is not a path: {error}") from None


def _read_file(file: Any, field: str) -> bytes:
    """Read a file from its position. Raw files may return less than asked for."""
    data = bytearray()
    while len(data) < _READ_MAX:
        try:
            chunk: object = file.read(_READ_MAX - len(data))
        except ValueError as error:  # closed, opened for writing, or text that is not UTF-8
            raise InvalidArgument(f"{field}: the file cannot be read: {error}; open it in mode 'rb'") from None
        if not isinstance(chunk, bytes | bytearray | memoryview):
            kind = "text" if isinstance(chunk, str) else type(chunk).__name__
            raise InvalidArgument(f"{field}: the file returns {kind}, not bytes; open it in mode 'rb'")
        if not chunk:
            break
        data += chunk
    return bytes(data)


def _flat_bytes(source: object) -> bytes | None:
    """Return the bytes of a bytes-like object; `None` for others, such as an array of pixels."""
    if isinstance(source, bytes):
        return source
    try:
        view = memoryview(source)  # pyright: ignore[reportArgumentType] — checked by the call
    except (TypeError, ValueError, BufferError):
        return None
    return bytes(view[:_READ_MAX]) if (view.ndim, view.itemsize) == (1, 1) else None


def _is_pillow_image(source: object) -> TypeGuard[PillowImage]:
    """Return whether this is a Pillow image, without importing Pillow."""
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(source, module.Image)


def _encode(image: PillowImage, field: str) -> bytes:
    """Encode the current frame as PNG, with its color profile and orientation."""
    buffer = io.BytesIO()
    try:
        exif = image.getexif()
        kept = type(exif)()  # without the other tags, which may name places and people
        if _ORIENTATION in exif:
            kept[_ORIENTATION] = exif[_ORIENTATION]
        options: dict[str, Any] = {"exif": kept.tobytes() if len(kept) else b"", "compress_level": 1}
        if image.mode in _PNG_MODES:
            image = _from_profile(image) or image.convert(_PNG_MODES[image.mode])
            options["icc_profile"] = None  # it describes the mode before
        image.save(buffer, "PNG", **options)
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise InvalidArgument(
            f"{field}: the PIL image of mode {image.mode} cannot be written as PNG: {error}; "
            "convert it, for example with image.convert('RGB')"
        ) from error
    return buffer.getvalue()


def _from_profile(image: Any) -> PillowImage | None:
    """Convert CMYK by its color profile to sRGB, as the service does; `None` without a profile that can be used."""
    profile = image.info.get("icc_profile") if image.mode == "CMYK" else None
    if profile is None:
        return None
    from PIL import ImageCms

    try:
        source: Any = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return ImageCms.profileToProfile(
            image,
            source,
            ImageCms.createProfile("sRGB"),
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (OSError, ImageCms.PyCMSError):
        return None
