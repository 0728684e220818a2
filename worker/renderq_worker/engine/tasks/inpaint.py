"""Part of a picture made anew, as `StableDiffusionInpaintPipeline` begins and goes on."""

import torch
from torch import Tensor

from renderq_worker.engine.prepared_latents import LatentMaskBlend, MaskOverlay, PreparedLatents
from renderq_worker.engine.tasks.prepare_context import PrepareContext
from renderq_worker.engine.tasks.types import Inpaint


def inpaint_by_blending(task: Inpaint, context: PrepareContext) -> PreparedLatents:
    """For a UNet that knows no mask: after every step, what is kept is put back, as noisy as it has to be.

    The generator is moved on as the stock pipeline does, which encodes the masked picture here too.
    """
    timesteps = context.get_timesteps(task.strength)
    image, mask = context.resize(task.image), context.resize(task.mask)
    known = context.autoencoder.encode(context.autoencoder.preprocess(image), context.generator)
    noise = context.draw_noise()
    context.draw_noise()
    return PreparedLatents(
        _initial_latents(task, context, known, noise, timesteps),
        timesteps,
        blend=LatentMaskBlend(known, noise, context.autoencoder.latent_mask(mask)),
        mask_overlay=MaskOverlay(image, mask),
    )


def inpaint_by_channels(task: Inpaint, context: PrepareContext) -> PreparedLatents:
    """For a UNet that sees the mask and the rest of the picture at every step."""
    timesteps = context.get_timesteps(task.strength)
    image, mask = context.resize(task.image), context.resize(task.mask)
    picture = context.autoencoder.preprocess(image)
    known = context.autoencoder.encode(picture, context.generator) if task.strength < 1 else None
    noise = context.draw_noise()
    masked = context.autoencoder.encode(picture * (context.autoencoder.preprocess_mask(mask) < 0.5), context.generator)
    return PreparedLatents(
        _initial_latents(task, context, known, noise, timesteps),
        timesteps,
        extra_channels=torch.cat([context.autoencoder.latent_mask(mask), masked], dim=1),
        mask_overlay=MaskOverlay(image, mask),
    )


def _initial_latents(
    task: Inpaint, context: PrepareContext, known: Tensor | None, noise: Tensor, timesteps: Tensor
) -> Tensor:
    """At full strength from noise alone, as far as the scheduler is concerned."""
    if task.strength == 1 or known is None:
        return noise * context.scheduler.init_noise_sigma
    return context.scheduler.add_noise(known, noise, timesteps[:1])
