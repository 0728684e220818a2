"""Conversion of colors from an embedded ICC profile to sRGB, which models and files without a profile have."""

import io
import itertools
from typing import Any

from PIL import Image, ImageChops, ImageCms

_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
"""Color space of a profile → mode of the images that it describes."""
_INTENT, _FLAGS = ImageCms.Intent.RELATIVE_COLORIMETRIC, ImageCms.Flags.BLACKPOINTCOMPENSATION
"""As browsers and image editors convert by default."""
_ROUNDING = 2
"""Largest difference, of 255, that variants of sRGB make by rounding."""


class ProfileUnusable(Exception):
    """The color profile of an image is damaged, or describes another kind of image."""


def to_srgb(image: Image.Image) -> Image.Image:
    """Return an image of 8 bits in sRGB; unchanged without a profile or with that of sRGB. Raises `ProfileUnusable`."""
    if "icc_profile" not in image.info:
        return image
    data: bytes | None = image.info["icc_profile"]  # None if Pillow could not read it
    try:
        profile: Any = ImageCms.ImageCmsProfile(io.BytesIO(data or b""))
        mode = _MODES.get(profile.profile.xcolor_space.strip())
        if mode is None or not _describes(mode, image):
            raise ProfileUnusable(f"it is not for images of the mode {image.mode}")
        srgb = ImageCms.createProfile("sRGB")
        transform = ImageCms.buildTransform(profile, srgb, mode, "RGB", _INTENT, _FLAGS)
    except (OSError, ValueError, ImageCms.PyCMSError) as error:  # ValueError: the color space is not ASCII
        raise ProfileUnusable("it is damaged") from error
    return image if mode != "CMYK" and _is_identity(transform, mode) else _convert(image, transform, mode)


def _describes(mode: str, image: Image.Image) -> bool:
    """Return whether a profile for images of this mode can describe the image. RGB describes gray and palettes, too."""
    if mode == "RGB":
        return image.mode != "CMYK"
    return image.mode in {"L": ("L", "LA", "1"), "CMYK": ("CMYK",)}[mode]


def _is_identity(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Return whether the transform leaves colors as they are, except for rounding."""
    levels = range(256) if mode == "L" else range(0, 256, 17)
    colors = bytes(itertools.chain.from_iterable(itertools.product(levels, repeat=len(mode))))
    probe = Image.frombytes(mode, (len(colors) // len(mode), 1), colors)
    differences = ImageChops.difference(probe.convert("RGB"), transform.apply(probe))
    return max(differences.tobytes()) <= _ROUNDING


def _convert(image: Image.Image, transform: ImageCms.ImageCmsTransform, mode: str) -> Image.Image:
    if not image.has_transparency_data:
        return transform.apply(image if image.mode == mode else image.convert(mode))
    colors = image.convert("RGBA")
    alpha = colors.getchannel("A")
    converted = transform.apply(colors.convert("RGB").convert(mode))
    converted.putalpha(alpha)
    return converted
