"""inpaint: regeneration of the masked part, as in `StableDiffusionInpaintPipeline`."""

import torch
from torch import Tensor

from renderq_worker.engine.prepared_latents import LatentMaskBlend, MaskOverlay, PreparedLatents
from renderq_worker.engine.tasks.prepare_context import PrepareContext
from renderq_worker.engine.tasks.types import Inpaint


def inpaint_by_blending(task: Inpaint, context: PrepareContext) -> PreparedLatents:
    """For a UNet without a mask input: after every step the kept part is restored, with the noise of the timestep.

    The second draw only advances the generator, as the stock pipeline does by encoding the masked image.
    """
    timesteps = context.get_timesteps(task.strength)
    image, mask = context.resize(task.image), context.resize_mask(task.mask)
    original = context.autoencoder.encode(context.autoencoder.preprocess(image), context.generator)
    noise = context.draw_noise()
    context.draw_noise()
    return PreparedLatents(
        _initial_latents(task, context, original, noise, timesteps),
        timesteps,
        blend=LatentMaskBlend(original, noise, context.autoencoder.latent_mask(mask)),
        mask_overlay=MaskOverlay(image, mask),
    )


def inpaint_by_channels(task: Inpaint, context: PrepareContext) -> PreparedLatents:
    """For a UNet with the mask and the masked image as extra channels."""
    timesteps = context.get_timesteps(task.strength)
    image, mask = context.resize(task.image), context.resize_mask(task.mask)
    pixels = context.autoencoder.preprocess(image)
    original = context.autoencoder.encode(pixels, context.generator) if task.strength < 1 else None
    noise = context.draw_noise()
    masked = context.autoencoder.encode(pixels * (context.autoencoder.preprocess_mask(mask) < 0.5), context.generator)
    return PreparedLatents(
        _initial_latents(task, context, original, noise, timesteps),
        timesteps,
        extra_channels=torch.cat([context.autoencoder.latent_mask(mask), masked], dim=1),
        mask_overlay=MaskOverlay(image, mask),
    )


def _initial_latents(
    task: Inpaint, context: PrepareContext, original: Tensor | None, noise: Tensor, timesteps: Tensor
) -> Tensor:
    """Return noise alone at full strength, else the image plus noise."""
    if task.strength == 1 or original is None:
        return noise * context.scheduler.init_noise_sigma
    return context.scheduler.add_noise(original, noise, timesteps[:1])
