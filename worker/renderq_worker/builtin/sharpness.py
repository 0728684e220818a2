"""Sharpness: the share of an image that has exactly the colors of its scene, not a mixture of two of them."""

import numpy as np
from PIL import Image

from renderq_worker.builtin.scenes import COLORS, Scene

_TOLERANCE = 24.0
"""RGB distance, in levels of 255, up to which a pixel has a color."""


def sharpness(scene: Scene, image: Image.Image) -> float:
    """Return the fraction of pixels within 24 levels of 255 of the background's or an object's color.

    Blurred edges and uneven areas lower it. A drawing of 256 px has about 0.99: its edges are antialiased.
    """
    palette = np.array([COLORS[name] for name in (scene.background, *(group.color for group in scene.groups))])
    pixels = np.asarray(image.convert("RGB"), dtype=np.float32)
    distances = np.linalg.norm(pixels[:, :, None] - palette, axis=-1).min(axis=-1)
    return float((distances <= _TOLERANCE).mean())
