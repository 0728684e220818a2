"""What the start of an image is made from."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from diffusers.utils.torch_utils import randn_tensor
from PIL import Image
from torch import Tensor

from renderq_worker.engine.errors import StrengthTooLow
from renderq_worker.engine.families.latent_space import LatentSpace
from renderq_worker.engine.generation import GenerationSpec
from renderq_worker.engine.samplers import Sampler
from renderq_worker.engine.tasks import Mask, Pixels


@dataclass(frozen=True, slots=True)
class Parts:
    """The model, and the image's own sampler and generator."""

    spec: GenerationSpec
    model: Any
    """The stock pipeline, for components that a single task needs."""
    space: LatentSpace
    sampler: Sampler
    """Its timesteps are set."""
    generator: torch.Generator

    def fit(self, image: Pixels | Mask) -> Pixels | Mask:
        """A picture or mask in the sides of the result, by Lanczos's filter as in the stock pipelines."""
        sides = self.spec.width, self.spec.height
        return np.asarray(Image.fromarray(image).resize(sides, Image.Resampling.LANCZOS))

    def noise(self) -> Tensor:
        """[1, channels, height / 8, width / 8], drawn from the image's generator."""
        spec, space = self.spec, self.space
        shape = (1, space.channels, spec.height // space.factor, spec.width // space.factor)
        return randn_tensor(shape, generator=self.generator, device=space.device, dtype=space.dtype)

    def timesteps_left(self, strength: float) -> Tensor:
        """The timesteps that `strength` leaves; the sampler begins there (`get_timesteps` of the stock pipelines).

        Raises `StrengthTooLow`.
        """
        steps = self.spec.steps
        left = min(int(steps * strength), steps)
        if left < 1:
            raise StrengthTooLow(
                f"strength {strength} of {steps} steps is less than one step; ask for more strength or more steps"
            )
        first = (steps - left) * self.sampler.order
        if hasattr(self.sampler, "set_begin_index"):
            self.sampler.set_begin_index(first)
        return self.sampler.timesteps[first:]
