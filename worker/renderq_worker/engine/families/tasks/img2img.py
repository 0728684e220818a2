"""From a picture with noise on it, as `StableDiffusionImg2ImgPipeline` begins."""

from renderq_worker.engine.families.tasks.parts import Parts
from renderq_worker.engine.start import Start
from renderq_worker.engine.tasks import Depth2Img, Img2Img, Variation


def img2img(task: Img2Img | Variation | Depth2Img, parts: Parts) -> Start:
    """The posterior's sample is drawn before the noise."""
    timesteps = parts.timesteps_left(task.strength)
    latents = parts.space.encode(parts.space.tensor(parts.fit(task.image)), parts.generator)
    return Start(parts.sampler.add_noise(latents, parts.noise(), timesteps[:1]), timesteps)
