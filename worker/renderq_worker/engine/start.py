"""Where an image's denoising begins, as its task prepared it."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Start:
    """What a task decides about an image before its first model call."""

    latents: Tensor
    """[1, channels, height / 8, width / 8], as noisy as the first timestep says."""
    timesteps: Tensor
    """[calls]: those of the sampler that are to be made."""
