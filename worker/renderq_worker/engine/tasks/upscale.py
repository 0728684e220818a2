"""A picture four times as wide and high, as `StableDiffusionUpscalePipeline` begins."""

import numpy as np
import torch
from diffusers.utils.torch_utils import randn_tensor
from PIL import Image

from renderq_worker.engine.errors import NoiseLevelTooHigh
from renderq_worker.engine.prepared_latents import PreparedLatents
from renderq_worker.engine.tasks.prepare_context import PrepareContext
from renderq_worker.engine.tasks.types import Upscale
from renderq_worker.engine.tiles import Tiles


def upscale(task: Upscale, context: PrepareContext) -> PreparedLatents:
    """The model sees the picture, with some noise on it, beside the latents, and is told how much noise.

    That noise is drawn before the latents'. A latent pixel stands for a pixel of the picture. A picture with more than
    twice the sides that the model was trained with is seen in tiles of that size.
    """
    model, autoencoder = context.pipeline, context.autoencoder
    if task.noise_level > model.config.max_noise_level:
        raise NoiseLevelTooHigh(
            f"noise_level {task.noise_level} is more than this model's {model.config.max_noise_level}; ask for less"
        )
    sides = context.spec.width // autoencoder.vae_scale_factor, context.spec.height // autoencoder.vae_scale_factor
    small = np.asarray(Image.fromarray(task.image).resize(sides, Image.Resampling.BICUBIC))
    image = autoencoder.preprocess(small).to(autoencoder.device, autoencoder.dtype)
    level = torch.tensor([task.noise_level], device=autoencoder.device)
    noise = randn_tensor(image.shape, generator=context.generator, device=autoencoder.device, dtype=autoencoder.dtype)
    return PreparedLatents(
        context.draw_noise() * context.scheduler.init_noise_sigma,
        context.scheduler.timesteps,
        extra_channels=model.low_res_scheduler.add_noise(image, noise, level),
        noise_level=level,
        tiles=Tiles.over(*image.shape[2:], max_size=2 * model.unet.config.sample_size),
    )
