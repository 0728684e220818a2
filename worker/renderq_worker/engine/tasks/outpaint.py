"""outpaint: an image extended beyond its edges, by inpainting on a larger canvas. No torch."""

import numpy as np
import numpy.typing as npt
from PIL import Image

from renderq_shared.imaging.size import round_down
from renderq_worker.engine.tasks.types import Inpaint, Mask, Pixels


def outpaint(image: Pixels, *, block: int, left: int = 0, right: int = 0, top: int = 0, bottom: int = 0) -> Inpaint:
    """Return the image on a canvas extended by these multiples of `block` pixels, and the mask of the new area.

    `block` is the side of the part of an image that one latent pixel stands for. The result has the size of the canvas.
    The image is resized to multiples of `block` first. The new area is filled with the edge pixels, which do not affect
    the result: the strength is 1. Along each extended edge, two blocks of the image blend into the new area; the model
    regenerates the outer one, so that lines continue across the edge.
    """
    height, width = (round_down(length, block) for length in image.shape[:2])
    resized = np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS))
    vertical, horizontal = (top, bottom), (left, right)
    feather = 2 * block
    return Inpaint(
        image=np.pad(resized, (vertical, horizontal, (0, 0)), mode="edge"),
        mask=np.maximum(_ramp(height, *vertical, feather)[:, None], _ramp(width, *horizontal, feather)[None, :]),
        strength=1.0,
    )


def _ramp(length: int, before: int, after: int, feather: int) -> Mask:
    """Return the mask along one axis, [before + length + after]: 255 outside the image, falling to 0 inside."""
    positions = np.arange(-before, length + after)
    from_start = _falloff(positions, feather) if before else np.zeros(len(positions))
    from_end = _falloff(length - 1 - positions, feather) if after else np.zeros(len(positions))
    return np.round(np.maximum(from_start, from_end) * 255).astype(np.uint8)


def _falloff(distance: npt.NDArray[np.int_], feather: int) -> npt.NDArray[np.float64]:
    """Return 1 outside (distance below 0), falling to 0 at `feather` pixels inside."""
    return np.clip(1 - (distance + 0.5) / feather, 0, 1)
