"""Encodes pixels to file bytes. Deterministic: the same input gives the same bytes."""

import hashlib
import io
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from PIL import Image

from renderq.contract import OutputOptions
from renderq.image_files import watermark
from renderq.image_files.recipe import INFOTEXT_PNG_KEY, PNG_KEY
from renderq_worker.output.png import encode_png
from renderq_worker.output.recipe import Recipe, fits_jpeg, recipe_exif, recipe_infotext, recipe_text

_EXTENSIONS = {"png": "png", "jpeg": "jpg", "webp": "webp"}

FULL_COLOR_QUALITY = 90
"""Quality from which a JPEG keeps the colors of every pixel, as in ImageMagick and libvips; below, of 2 × 2 pixels."""

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Encoded:
    """An encoded image file."""

    data: bytes
    content_type: str
    extension: str
    sha256: str
    """Of the file."""
    pixel_sha256: str
    """Of the RGB bytes that the file decodes to, row by row."""
    width: int
    height: int
    recipe_left_out: bool
    """The recipe was requested but does not fit into this format."""
    watermark_faint: bool
    """The embedded watermark cannot be read back from this file."""
    pixels: Pixels = field(repr=False, compare=False)
    """RGB pixels [height, width, 3] with the watermark, before lossy encoding."""


def encode(pixels: Pixels, options: OutputOptions, recipe: Recipe) -> Encoded:
    """Encode uint8 RGB pixels [height, width, 3], with watermark and recipe if `options` ask for them.

    Raises `ValueError` if the image is too small for the watermark.
    """
    pixels = np.ascontiguousarray(pixels)
    if options.watermark:
        pixels = watermark.embed(pixels, options.watermark, lossy=options.format != "png")
    recipe_left_out = False
    if options.format == "png":
        data = encode_png(pixels, _png_texts(recipe) if options.embed_recipe else {})
        decoded = pixels
    else:
        exif = recipe_exif(recipe) if options.embed_recipe else b""
        if options.format == "jpeg" and not fits_jpeg(exif):
            exif, recipe_left_out = b"", True
        data = _encode_lossy(pixels, options, exif)
        decoded = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    watermark_faint = options.watermark is not None and not _is_readable(options.watermark, decoded)
    return Encoded(
        data=data,
        content_type=f"image/{options.format}",
        extension=_EXTENSIONS[options.format],
        sha256=hashlib.sha256(data).hexdigest(),
        pixel_sha256=hashlib.sha256(decoded.tobytes()).hexdigest(),
        width=pixels.shape[1],
        height=pixels.shape[0],
        recipe_left_out=recipe_left_out,
        watermark_faint=watermark_faint,
        pixels=pixels,
    )


def _png_texts(recipe: Recipe) -> dict[str, str]:
    return {PNG_KEY: recipe_text(recipe), INFOTEXT_PNG_KEY: recipe_infotext(recipe)}


def _is_readable(text: str, pixels: Pixels) -> bool:
    """Return whether the watermark can be read by a reader that knows its length."""
    found = watermark.read(watermark.votes(pixels), len(text))
    return found is not None and found.content == text.encode()


def _encode_lossy(pixels: Pixels, options: OutputOptions, exif: bytes) -> bytes:
    buffer = io.BytesIO()
    subsampling = "4:4:4" if options.quality >= FULL_COLOR_QUALITY else "4:2:0"  # for JPEG; WebP is always 4:2:0
    Image.fromarray(pixels).save(
        buffer, options.format.upper(), quality=options.quality, subsampling=subsampling, exif=exif
    )
    return buffer.getvalue()
