"""Tasks with their decoded inputs, one frozen value each. No torch.

Inputs are arrays: images uint8 [height, width, 3], RGB, EXIF orientation applied, without alpha; masks uint8 [height,
width]. They need not have the size of the result: images are resized to it with a Lanczos filter, as in the stock
pipelines, masks with a bilinear one. The caller takes care of the aspect ratio;
`renderq_shared.imaging.size.round_down` gives the stock pipelines' default size. `outpaint` converts an image that is
to be extended into `Inpaint`. The arrays are never written to, so that all images of a job may share them.
"""

from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

from renderq.contract.requests import VARIATION_STRENGTH

Pixels: TypeAlias = npt.NDArray[np.uint8]
"""[height, width, 3]"""
Mask: TypeAlias = npt.NDArray[np.uint8]
"""[height, width]: 0 keeps, 255 regenerates."""
MASK_THRESHOLD = 128
"""Smallest value of a mask that makes the model regenerate a pixel."""
Depth: TypeAlias = npt.NDArray[np.uint8] | npt.NDArray[np.float32]
"""[height, width]: larger is closer, in any unit."""


@dataclass(frozen=True, slots=True, eq=False)
class Txt2Img:
    """Image from a prompt."""

    strength: ClassVar[float] = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Img2Img:
    """Image from an image and a prompt."""

    image: Pixels
    strength: float
    """Denoising strength, 0 to 1: share of the steps that run, on an image with the matching noise. The caller rejects
    values that leave no step: `renderq_shared.imaging.cost.model_calls` is 0."""


@dataclass(frozen=True, slots=True, eq=False)
class Inpaint:
    """Regeneration of a part of an image.

    The model regenerates blocks of pixels, each of which is one pixel of the latents (8 × 8 with most autoencoders), in
    which any pixel of the mask reaches `MASK_THRESHOLD`. Pixels of the
    result are those of the input image, bit by bit, where the mask is 0, and the model's where it is 255. In between
    they are mixed linearly, so a mask with soft edges hides the seam.
    """

    image: Pixels
    mask: Mask
    strength: float
    """As for `Img2Img`; at 1 nothing of the masked part remains."""

    @property
    def regenerates_nothing(self) -> bool:
        """Whether no pixel of the mask reaches `MASK_THRESHOLD`; the mask must have the size of the result."""
        return bool((self.mask < MASK_THRESHOLD).all())


@dataclass(frozen=True, slots=True, eq=False)
class Variation:
    """Image similar to this one; the prompt may be empty."""

    strength: ClassVar[float] = VARIATION_STRENGTH
    image: Pixels


@dataclass(frozen=True, slots=True, eq=False)
class Depth2Img:
    """Image with the depth of this one."""

    image: Pixels
    depth_map: Depth | None
    """None uses the model's depth estimator, which single-file models do not have."""
    strength: float
    """As for `Img2Img`; the depth is kept even at 1."""


@dataclass(frozen=True, slots=True, eq=False)
class Upscale:
    """Image of four times the width and height. The input's are a quarter of the result's, multiples of 4."""

    strength: ClassVar[float] = 1.0
    image: Pixels
    noise_level: int
    """Noise added to the input, 0 to the model's `max_noise_level`, 350: more noise gives the model more freedom."""


@dataclass(frozen=True, slots=True, eq=False)
class Edit:
    """Image made from others, as the prompt says."""

    strength: ClassVar[float] = 1.0
    images: tuple[Pixels, ...]
    """Of any size; the pipeline resizes them."""


Task: TypeAlias = Txt2Img | Img2Img | Inpaint | Variation | Depth2Img | Upscale | Edit
