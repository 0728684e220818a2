"""Start of an image's denoising, and what its task does after steps and at the end."""

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from renderq_worker.engine.noise_schedulers import NoiseScheduler
from renderq_worker.engine.tasks.types import Mask, Pixels
from renderq_worker.engine.tiles import Tiles


@dataclass(frozen=True, slots=True)
class LatentMaskBlend:
    """Restoration of the kept part of an image after every step, for models without a mask input."""

    original_latents: Tensor
    """Latents of the input image, [1, channels, h, w]."""
    noise: Tensor
    """Noise added to them, the same in every step, [1, channels, h, w]."""
    mask: Tensor
    """1 where the image is regenerated, 0 where it is kept, [1, 1, h, w]."""

    def apply(self, latents: Tensor, scheduler: NoiseScheduler, upcoming: Tensor) -> Tensor:
        """Blend. `upcoming` is the next timestep, [1], or empty after the last one, when no noise is added."""
        original = (
            scheduler.add_noise(self.original_latents, self.noise, upcoming) if len(upcoming) else self.original_latents
        )
        return (1 - self.mask) * original + self.mask * latents


@dataclass(frozen=True, slots=True, eq=False)
class MaskOverlay:
    """Pixels of the input image that are kept bit by bit."""

    image: Pixels
    mask: Mask

    def apply(self, pixels: Pixels) -> Pixels:
        """Return the input image where the mask is 0, `pixels` where it is 255, and a linear mix in between."""
        weight = self.mask[..., None].astype(np.uint16)
        return ((self.image * (255 - weight) + pixels * weight + 127) // 255).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class PreparedLatents:
    """Result of preparing a task: everything known before the first model call."""

    latents: Tensor
    """[1, channels, h, w], with the noise of the first timestep."""
    timesteps: Tensor
    """[model_calls]: the scheduler's timesteps to run."""
    extra_channels: Tensor | None = None
    """Further input channels of every call, [1, extra channels, h, w]."""
    noise_level: Tensor | None = None
    """[1]: level of the noise in the extra channels, for models that take it as an input."""
    tiles: Tiles | None = None
    """Tiles of the forward pass, None for the whole image; the same for all images of this size."""
    blend: LatentMaskBlend | None = None
    mask_overlay: MaskOverlay | None = None
