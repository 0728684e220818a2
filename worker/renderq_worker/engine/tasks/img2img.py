"""From a picture with noise on it, as `StableDiffusionImg2ImgPipeline` begins."""

from renderq_worker.engine.prepared_latents import PreparedLatents
from renderq_worker.engine.tasks.prepare_context import PrepareContext
from renderq_worker.engine.tasks.types import Depth2Img, Img2Img, Variation


def img2img(task: Img2Img | Variation | Depth2Img, context: PrepareContext) -> PreparedLatents:
    """The posterior's sample is drawn before the noise."""
    timesteps = context.get_timesteps(task.strength)
    latents = context.autoencoder.encode(context.autoencoder.preprocess(context.resize(task.image)), context.generator)
    return PreparedLatents(context.scheduler.add_noise(latents, context.draw_noise(), timesteps[:1]), timesteps)
