"""A picture extended over its edges: inpainting on a larger canvas. No torch."""

import numpy as np
import numpy.typing as npt
from PIL import Image

from renderq_shared.imaging.size import round_down
from renderq_worker.engine.tasks.types import Inpaint, Mask, Pixels

FEATHER = 16
"""Pixels of the picture, along each extended side, that pass into what is new. The model makes the outer half anew, one
block of latents, so that it can go on with lines that meet the edge."""


def outpaint(image: Pixels, *, left: int = 0, right: int = 0, top: int = 0, bottom: int = 0) -> Inpaint:
    """The picture on a canvas that is larger by these multiples of 8, and the mask of what is to be made.

    The result has the canvas' sides. The picture itself is resized to multiples of 8 first. The new ground starts as
    the edge pixels drawn out, which show through nowhere: the strength is 1.
    """
    height, width = (round_down(side) for side in image.shape[:2])
    fitted = np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS))
    vertical, horizontal = (top, bottom), (left, right)
    return Inpaint(
        image=np.pad(fitted, (vertical, horizontal, (0, 0)), mode="edge"),
        mask=np.maximum(_slopes(height, *vertical)[:, None], _slopes(width, *horizontal)[None, :]),
        strength=1.0,
    )


def _slopes(side: int, before: int, after: int) -> Mask:
    """The mask along one axis, [before + side + after]: 255 outside the picture, falling to 0 inside it."""
    positions = np.arange(-before, side + after)
    from_start = _falling(positions) if before else np.zeros(len(positions))
    from_end = _falling(side - 1 - positions) if after else np.zeros(len(positions))
    return np.round(np.maximum(from_start, from_end) * 255).astype(np.uint8)


def _falling(distance: npt.NDArray[np.int_]) -> npt.NDArray[np.float64]:
    """From 1 outside (distance below 0) to 0 at `FEATHER` pixels inside."""
    return np.clip(1 - (distance + 0.5) / FEATHER, 0, 1)
