"""Part of a picture made anew, as `StableDiffusionInpaintPipeline` begins and goes on."""

import torch
from torch import Tensor

from renderq_worker.engine.families.tasks.parts import Parts
from renderq_worker.engine.start import Blend, Kept, Start
from renderq_worker.engine.tasks import Inpaint


def inpaint_by_blending(task: Inpaint, parts: Parts) -> Start:
    """For a UNet that knows no mask: after every step, what is kept is put back, as noisy as it has to be.

    The generator is moved on as the stock pipeline does, which encodes the masked picture here too.
    """
    timesteps = parts.timesteps_left(task.strength)
    image, mask = parts.fit(task.image), parts.fit(task.mask)
    known = parts.space.encode(parts.space.tensor(image), parts.generator)
    noise = parts.noise()
    parts.noise()
    return Start(
        _beginning(task, parts, known, noise, timesteps),
        timesteps,
        blend=Blend(known, noise, parts.space.latent_mask(mask)),
        kept=Kept(image, mask),
    )


def inpaint_by_channels(task: Inpaint, parts: Parts) -> Start:
    """For a UNet that sees the mask and the rest of the picture at every step."""
    timesteps = parts.timesteps_left(task.strength)
    image, mask = parts.fit(task.image), parts.fit(task.mask)
    picture = parts.space.tensor(image)
    known = parts.space.encode(picture, parts.generator) if task.strength < 1 else None
    noise = parts.noise()
    masked = parts.space.encode(picture * (parts.space.mask(mask) < 0.5), parts.generator)
    return Start(
        _beginning(task, parts, known, noise, timesteps),
        timesteps,
        channels=torch.cat([parts.space.latent_mask(mask), masked], dim=1),
        kept=Kept(image, mask),
    )


def _beginning(task: Inpaint, parts: Parts, known: Tensor | None, noise: Tensor, timesteps: Tensor) -> Tensor:
    """At full strength from noise alone, as far as the sampler is concerned."""
    if task.strength == 1 or known is None:
        return noise * parts.sampler.init_noise_sigma
    return parts.sampler.add_noise(known, noise, timesteps[:1])
