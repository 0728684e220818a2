"""outpaint: an image extended beyond its edges, by inpainting on a larger canvas. No torch."""

import numpy as np
import numpy.typing as npt
from PIL import Image

from renderq_shared.imaging.size import round_down
from renderq_worker.engine.tasks.types import Inpaint, Mask, Pixels

FEATHER = 16
"""Pixels of the image, along each extended edge, that blend into the new area. The model regenerates the outer half,
one block of latents, so that lines continue across the edge."""


def outpaint(image: Pixels, *, left: int = 0, right: int = 0, top: int = 0, bottom: int = 0) -> Inpaint:
    """Return the image on a canvas extended by these multiples of 8 pixels, and the mask of the new area.

    The result has the size of the canvas. The image is resized to multiples of 8 first. The new area is filled with the
    edge pixels, which do not affect the result: the strength is 1.
    """
    height, width = (round_down(length) for length in image.shape[:2])
    resized = np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS))
    vertical, horizontal = (top, bottom), (left, right)
    return Inpaint(
        image=np.pad(resized, (vertical, horizontal, (0, 0)), mode="edge"),
        mask=np.maximum(_ramp(height, *vertical)[:, None], _ramp(width, *horizontal)[None, :]),
        strength=1.0,
    )


def _ramp(length: int, before: int, after: int) -> Mask:
    """Return the mask along one axis, [before + length + after]: 255 outside the image, falling to 0 inside."""
    positions = np.arange(-before, length + after)
    from_start = _falloff(positions) if before else np.zeros(len(positions))
    from_end = _falloff(length - 1 - positions) if after else np.zeros(len(positions))
    return np.round(np.maximum(from_start, from_end) * 255).astype(np.uint8)


def _falloff(distance: npt.NDArray[np.int_]) -> npt.NDArray[np.float64]:
    """Return 1 outside (distance below 0), falling to 0 at `FEATHER` pixels inside."""
    return np.clip(1 - (distance + 0.5) / FEATHER, 0, 1)
