"""txt2img: noise alone, as in `StableDiffusionPipeline`."""

from renderq_worker.engine.prepared_latents import PreparedLatents
from renderq_worker.engine.tasks.prepare_context import PrepareContext
from renderq_worker.engine.tasks.types import Txt2Img


def txt2img(_: Txt2Img, context: PrepareContext) -> PreparedLatents:
    return PreparedLatents(context.draw_noise() * context.scheduler.init_noise_sigma, context.scheduler.timesteps)
