"""From noise alone, as `StableDiffusionPipeline` begins."""

from renderq_worker.engine.families.tasks.parts import Parts
from renderq_worker.engine.start import Start
from renderq_worker.engine.tasks import Txt2Img


def txt2img(_: Txt2Img, parts: Parts) -> Start:
    return Start(parts.noise() * parts.sampler.init_noise_sigma, parts.sampler.timesteps)
