"""Enlarges rendered images."""

import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[np.uint8]


def resize(pixels: Pixels, factor: int) -> Pixels:
    """Enlarge uint8 RGB pixels [height, width, 3] by `factor` in both directions, with Pillow's Lanczos filter."""
    if factor == 1:
        return pixels
    image = Image.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(image.resize((image.width * factor, image.height * factor), Image.Resampling.LANCZOS))
