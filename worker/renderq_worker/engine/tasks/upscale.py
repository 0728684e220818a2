"""upscale: four times the width and height, as in `StableDiffusionUpscalePipeline`."""

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
    """Prepare noise, with the low-resolution image plus noise as extra channels, and the level of that noise.

    The image's noise is drawn before that of the latents. One latent pixel corresponds to one pixel of the image. An
    image of more than twice the training size is processed in tiles of that size.
    """
    model, autoencoder = context.pipeline, context.autoencoder
    if task.noise_level > model.config.max_noise_level:
        raise NoiseLevelTooHigh(
            f"noise_level {task.noise_level} exceeds the maximum of this model, {model.config.max_noise_level}"
        )
    size = context.spec.width // autoencoder.vae_scale_factor, context.spec.height // autoencoder.vae_scale_factor
    low_res = np.asarray(Image.fromarray(task.image).resize(size, Image.Resampling.BICUBIC))
    image = autoencoder.preprocess(low_res).to(autoencoder.device, autoencoder.dtype)
    level = torch.tensor([task.noise_level], device=autoencoder.device)
    noise = randn_tensor(image.shape, generator=context.generator, device=autoencoder.device, dtype=autoencoder.dtype)
    return PreparedLatents(
        context.draw_noise() * context.scheduler.init_noise_sigma,
        context.scheduler.timesteps,
        extra_channels=model.low_res_scheduler.add_noise(image, noise, level),
        noise_level=level,
        tiles=Tiles.over(*image.shape[2:], max_size=2 * model.unet.config.sample_size),
    )
