"""What a picture starts from besides its prompt: one frozen value per task, its inputs decoded. No torch.

The worker hands inputs over as arrays in memory: pictures uint8 [height, width, 3], RGB, upright, without alpha. A
picture need not have the sides of the result: it is resized to them with Lanczos's filter, as the stock pipelines do,
and its proportions are the caller's concern. `fitting_side` is the side that the stock pipelines choose by themselves.
The arrays are never written to, so that all images of a job may share them.
"""

from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

Pixels: TypeAlias = npt.NDArray[np.uint8]

SIDE_MULTIPLE = 8
"""Pixels of a picture per latent pixel, along each side."""


@dataclass(frozen=True, slots=True, eq=False)
class Txt2Img:
    """A picture from words."""

    strength: ClassVar[float] = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Img2Img:
    """Another picture from a picture and words."""

    image: Pixels
    """uint8 [height, width, 3]"""
    strength: float
    """Share of the steps that are made, 0 to 1, on top of as much noise as they take away. The caller refuses what
    leaves no step: `renderq_shared.costs.model_calls` is 0."""


Task: TypeAlias = Txt2Img | Img2Img


def fitting_side(pixels: int) -> int:
    """The nearest side that is a multiple of 8 and not longer, at least 8."""
    return max(SIDE_MULTIPLE, pixels - pixels % SIDE_MULTIPLE)
