"""Context for preparing the latents of one image."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from diffusers.utils.torch_utils import randn_tensor
from PIL import Image
from torch import Tensor

from renderq_worker.engine.autoencoder import Autoencoder
from renderq_worker.engine.errors import StrengthTooLow
from renderq_worker.engine.generation import GenerationSpec
from renderq_worker.engine.noise_schedulers import NoiseScheduler
from renderq_worker.engine.tasks.types import Mask, Pixels


@dataclass(frozen=True, slots=True)
class PrepareContext:
    """Model components, and the image's own scheduler and generator."""

    spec: GenerationSpec
    pipeline: Any
    """The stock pipeline, for components that only one task needs."""
    autoencoder: Autoencoder
    scheduler: NoiseScheduler
    """Its timesteps are set."""
    generator: torch.Generator

    def resize(self, image: Pixels) -> Pixels:
        """Resize an image to the size of the result with a Lanczos filter, as in the stock pipelines."""
        size = self.spec.width, self.spec.height
        return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS))

    def resize_mask(self, mask: Mask) -> Mask:
        """Resize a mask to the size of the result; a Lanczos filter would leave faint copies of its edges around it."""
        size = self.spec.width, self.spec.height
        return np.asarray(Image.fromarray(mask).resize(size, Image.Resampling.BILINEAR))

    def draw_noise(self) -> Tensor:
        """Draw [1, channels, height / factor, width / factor] from the image's generator."""
        spec, autoencoder = self.spec, self.autoencoder
        shape = (
            1,
            autoencoder.latent_channels,
            spec.height // autoencoder.vae_scale_factor,
            spec.width // autoencoder.vae_scale_factor,
        )
        return randn_tensor(shape, generator=self.generator, device=autoencoder.device, dtype=autoencoder.dtype)

    def get_timesteps(self, strength: float) -> Tensor:
        """Return the timesteps for `strength` and start the scheduler there (`get_timesteps` of the stock pipelines).

        Raises `StrengthTooLow`.
        """
        steps = self.spec.sampling.steps
        count = min(int(steps * strength), steps)
        if count < 1:
            raise StrengthTooLow(
                f"strength {strength} of {steps} steps is less than one step; increase the strength or the steps"
            )
        first = (steps - count) * self.scheduler.order
        if hasattr(self.scheduler, "set_begin_index"):
            self.scheduler.set_begin_index(first)
        return self.scheduler.timesteps[first:]
