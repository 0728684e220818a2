"""A picture four times as wide and high, as `StableDiffusionUpscalePipeline` begins."""

import numpy as np
import torch
from diffusers.utils.torch_utils import randn_tensor
from PIL import Image

from renderq_worker.engine.errors import NoiseLevelTooHigh
from renderq_worker.engine.families.tasks.parts import Parts
from renderq_worker.engine.start import Start
from renderq_worker.engine.tasks import Upscale
from renderq_worker.engine.tiles import Tiles


def upscale(task: Upscale, parts: Parts) -> Start:
    """The model sees the picture, with some noise on it, beside the latents, and is told how much noise.

    That noise is drawn before the latents'. A latent pixel stands for a pixel of the picture. A picture with more than
    twice the sides that the model was trained with is seen in tiles of that size.
    """
    model, space = parts.model, parts.space
    if task.noise_level > model.config.max_noise_level:
        raise NoiseLevelTooHigh(
            f"noise_level {task.noise_level} is more than this model's {model.config.max_noise_level}; ask for less"
        )
    sides = parts.spec.width // space.factor, parts.spec.height // space.factor
    small = np.asarray(Image.fromarray(task.image).resize(sides, Image.Resampling.BICUBIC))
    image = space.tensor(small).to(space.device, space.dtype)
    level = torch.tensor([task.noise_level], device=space.device)
    noise = randn_tensor(image.shape, generator=parts.generator, device=space.device, dtype=space.dtype)
    return Start(
        parts.noise() * parts.sampler.init_noise_sigma,
        parts.sampler.timesteps,
        channels=model.low_res_scheduler.add_noise(image, noise, level),
        noise_level=level,
        tiles=Tiles.over(*image.shape[2:], largest=2 * model.unet.config.sample_size),
    )
