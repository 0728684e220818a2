"""Image files as images: upright, 16 bits as 8, in sRGB. Deterministic: the same bytes give the same pixels."""

import io
from collections.abc import Callable

from PIL import Image

from renderq_shared.imaging import png_transparency
from renderq_shared.imaging.color_profile import ProfileUnusable, to_srgb
from renderq_shared.imaging.exif import apply_orientation

_FORMATS = ("PNG", "JPEG", "WEBP")
_MAX_16 = 65_535


def load_stored(file: bytes) -> Image.Image:
    """Return the image as stored, with its transparency at the depth of its samples. Raises Pillow's errors."""
    with Image.open(io.BytesIO(file), formats=_FORMATS) as image:
        png_transparency.load(image, file)
        return image


def read_image(file: bytes) -> Image.Image:
    """Return the image upright, with 8 bits per sample. Raises Pillow's errors, of any type."""
    return apply_orientation(_to_8_bit(load_stored(file)))


def read_colors(file: bytes, on_ignored_profile: Callable[[ProfileUnusable], None] | None = None) -> Image.Image:
    """Return the image as `read_image` does, with its colors in sRGB; a profile that cannot be used is ignored.

    Raises Pillow's errors, of any type.
    """
    image = read_image(file)
    try:
        return to_srgb(image)
    except ProfileUnusable as error:
        if on_ignored_profile:
            on_ignored_profile(error)
        return image


def _to_8_bit(image: Image.Image) -> Image.Image:
    """Scale 16 bits to 8; Pillow's own conversion clips values above 255."""
    if not image.mode.startswith("I"):
        return image
    values = image.convert("I")
    gray = values.point([(value * 255 + _MAX_16 // 2) // _MAX_16 for value in range(_MAX_16 + 1)], "L")
    gray.info.update(image.info)
    if (shade := gray.info.pop("transparency", None)) is not None:
        gray.putalpha(values.point([0 if value == shade else 255 for value in range(_MAX_16 + 1)], "L"))
    return gray
