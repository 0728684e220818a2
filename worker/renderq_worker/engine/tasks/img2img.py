"""img2img and variation: an image plus noise, as in `StableDiffusionImg2ImgPipeline`."""

from renderq_worker.engine.prepared_latents import PreparedLatents
from renderq_worker.engine.tasks.prepare_context import PrepareContext
from renderq_worker.engine.tasks.types import Depth2Img, Img2Img, Variation


def img2img(task: Img2Img | Variation | Depth2Img, context: PrepareContext) -> PreparedLatents:
    """Draw the posterior sample, then the noise."""
    timesteps = context.get_timesteps(task.strength)
    latents = context.autoencoder.encode(context.autoencoder.preprocess(context.resize(task.image)), context.generator)
    return PreparedLatents(context.scheduler.add_noise(latents, context.draw_noise(), timesteps[:1]), timesteps)
