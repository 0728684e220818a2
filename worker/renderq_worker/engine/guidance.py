"""Classifier-free guidance (Ho and Salimans, 2022, https://arxiv.org/abs/2207.12598)."""

from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import rescale_noise_cfg
from torch import Tensor

from renderq.contract import SamplingParams


def apply_guidance(prediction: Tensor, sampling: SamplingParams) -> Tensor:
    """Combine the model's prediction for one image, [rows, channels, h, w], to [1, channels, h, w].

    One row is an image without guidance and returned unchanged; two rows are negative before positive prompt.
    `guidance_rescale` pulls the contrast back to that of the positive row (https://arxiv.org/abs/2305.08891,
    section 3.4).
    """
    if prediction.shape[0] == 1:
        return prediction
    negative, positive = prediction.chunk(2)
    guided = negative + sampling.guidance_scale * (positive - negative)
    rescale = sampling.guidance_rescale
    return rescale_noise_cfg(guided, positive, rescale) if rescale > 0 else guided
