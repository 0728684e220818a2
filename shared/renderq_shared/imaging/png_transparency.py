"""Transparency of a PNG that declares one gray shade or color transparent (https://www.w3.org/TR/png-3/#11tRNS).

The declared value is compared with the samples at their own depth; Pillow compares it with 8 bits.
"""

import io
from functools import reduce

from PIL import Image, ImageChops, ImageFile

_GRAY_DEPTHS = {"L;2": 2, "L;4": 4, "L": 8}
"""Pillow's name of gray samples in a file → their bits, for those that Pillow scales to 8."""
_RGB_8, _RGB_16, _RGB_16_LOW = "RGB", "RGB;16B", "RGB;16L"
"""Names of RGB samples. Pillow reads the high bytes of 16 bits as `_RGB_16`, and the low bytes as `_RGB_16_LOW`."""


def load(image: ImageFile.ImageFile, file: bytes) -> None:
    """Load an image opened from `file`, so that what it declares transparent has the depth of the loaded samples.

    That is `info["transparency"]`, or an alpha channel for 16-bit RGB, of which Pillow keeps the high bytes alone.
    """
    declared = image.info.get("transparency")
    samples = image.tile[0].args if image.tile else None
    image.load()
    if isinstance(declared, int) and samples in _GRAY_DEPTHS:
        most = 2 ** _GRAY_DEPTHS[samples] - 1
        image.info["transparency"] = (declared & most) * 255 // most
    elif isinstance(declared, tuple) and samples == _RGB_8:
        image.info["transparency"] = tuple(part & 255 for part in declared)
    elif isinstance(declared, tuple) and samples == _RGB_16:
        high = _opaque(image, [part >> 8 for part in declared])
        low = _opaque(_low_bytes(file), [part & 255 for part in declared])
        del image.info["transparency"]
        image.putalpha(ImageChops.lighter(high, low))


def _low_bytes(file: bytes) -> Image.Image:
    """Return the low bytes of a PNG with 16 bits per sample."""
    with Image.open(io.BytesIO(file), formats=("PNG",)) as image:
        image.tile = [image.tile[0]._replace(args=_RGB_16_LOW)]
        image.load()
        return image


def _opaque(image: Image.Image, color: list[int]) -> Image.Image:
    """Return 0 for pixels of this color and 255 for others, in mode L."""
    bands = (
        band.point([0 if value == part else 255 for value in range(256)])
        for band, part in zip(image.split(), color, strict=True)
    )
    return reduce(ImageChops.lighter, bands)
