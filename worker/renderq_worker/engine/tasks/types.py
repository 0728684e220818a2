"""What a picture starts from besides its prompt: one frozen value per task, its inputs decoded. No torch.

The worker hands inputs over as arrays: pictures uint8 [height, width, 3], RGB, upright, without alpha; masks uint8
[height, width]. Neither need have the sides of the result: they are resized to them with Lanczos's filter, as the stock
pipelines do, and proportions are the caller's concern. `renderq_shared.imaging.size.round_down` is the side that the stock
pipelines choose by themselves. `outpaint` turns a picture that is to be extended into `Inpaint`. The arrays are never
written to, so that all images of a job may share them.
"""

from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

from renderq.contract.requests import VARIATION_STRENGTH

Pixels: TypeAlias = npt.NDArray[np.uint8]
"""[height, width, 3]"""
Mask: TypeAlias = npt.NDArray[np.uint8]
"""[height, width]: 0 keeps, 255 makes anew."""
Depth: TypeAlias = npt.NDArray[np.uint8] | npt.NDArray[np.float32]
"""[height, width]: larger is nearer, in any unit."""


@dataclass(frozen=True, slots=True, eq=False)
class Txt2Img:
    """A picture from words."""

    strength: ClassVar[float] = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Img2Img:
    """Another picture from a picture and words."""

    image: Pixels
    strength: float
    """Share of the steps that are made, 0 to 1, on top of as much noise as they take away. The caller refuses what
    leaves no step: `renderq_shared.imaging.cost.model_calls` is 0."""


@dataclass(frozen=True, slots=True, eq=False)
class Inpaint:
    """Part of a picture made anew.

    The model makes anew what is 128 or more in the mask, in blocks of 8 × 8 pixels that go by their upper left one.
    In the result, pixels where the mask is 0 are those of the picture, to the last bit; where it is 255 they are the
    model's; in between they are mixed in proportion. So a mask with soft edges hides the seam.
    """

    image: Pixels
    mask: Mask
    strength: float
    """As for `Img2Img`; at 1 nothing of what was there shows through."""


@dataclass(frozen=True, slots=True, eq=False)
class Variation:
    """Another picture like this one; the prompt may be empty."""

    strength: ClassVar[float] = VARIATION_STRENGTH
    image: Pixels


@dataclass(frozen=True, slots=True, eq=False)
class Depth2Img:
    """Another picture with the depth of this one."""

    image: Pixels
    depth_map: Depth | None
    """None lets the model's own estimator look at the picture; models in a single file have none."""
    strength: float
    """As for `Img2Img`; the depth is kept even at 1."""


@dataclass(frozen=True, slots=True, eq=False)
class Upscale:
    """The picture four times as wide and as high: its sides are a quarter of the result's, multiples of 4."""

    strength: ClassVar[float] = 1.0
    image: Pixels
    noise_level: int
    """Noise put on the picture first, 0 to the model's `max_noise_level`, 350: more lets the model invent more."""


Task: TypeAlias = Txt2Img | Img2Img | Inpaint | Variation | Depth2Img | Upscale
