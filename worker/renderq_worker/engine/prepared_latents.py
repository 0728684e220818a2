"""Where an image's denoising begins, and what its task does to it later."""

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from renderq_worker.engine.noise_schedulers import NoiseScheduler
from renderq_worker.engine.tasks.types import Mask, Pixels
from renderq_worker.engine.tiles import Tiles


@dataclass(frozen=True, slots=True)
class LatentMaskBlend:
    """Puts the known part of a picture back after every step, for models that know no mask."""

    original_latents: Tensor
    """Latents of the picture, [1, channels, h, w]."""
    noise: Tensor
    """The noise that it gets, always the same, [1, channels, h, w]."""
    mask: Tensor
    """1 where the picture is made anew, 0 where it is kept, [1, 1, h, w]."""

    def apply(self, latents: Tensor, scheduler: NoiseScheduler, upcoming: Tensor) -> Tensor:
        """`upcoming` is the timestep that comes next, [1], or empty after the last: then without noise."""
        known = (
            scheduler.add_noise(self.original_latents, self.noise, upcoming) if len(upcoming) else self.original_latents
        )
        return (1 - self.mask) * known + self.mask * latents


@dataclass(frozen=True, slots=True, eq=False)
class MaskOverlay:
    """What of a picture stays as it was, to the last bit."""

    image: Pixels
    mask: Mask

    def apply(self, pixels: Pixels) -> Pixels:
        """Where the mask is 0 the picture, where it is 255 `pixels`, in proportion in between."""
        weight = self.mask[..., None].astype(np.uint16)
        return ((self.image * (255 - weight) + pixels * weight + 127) // 255).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class PreparedLatents:
    """What a task decides about an image before its first model call."""

    latents: Tensor
    """[1, channels, h, w], as noisy as the first timestep says."""
    timesteps: Tensor
    """[calls]: those of the scheduler that are to be made."""
    extra_channels: Tensor | None = None
    """What the model sees beside the latents in every call, [1, extra channels, h, w]."""
    noise_level: Tensor | None = None
    """[1]: how much noise is on the picture among the channels, for models that want to know."""
    tiles: Tiles | None = None
    """How the model sees it, if not as a whole; the same for all images with these sides."""
    blend: LatentMaskBlend | None = None
    mask_overlay: MaskOverlay | None = None
