"""Latents → a small picture, quickly."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

_SIDE_MAX = 256
"""Pixels."""

_DECODE_MAX = 10**8
"""Weights of an autoencoder's decoder times latent pixels that may be decoded: some 50 ms of a CPU core."""

_DECODE_LEAST = 64
"""Latent pixels; a decoder that is too large for as many is not run."""

_SD_SCALING_FACTOR = 0.18215
"""Tells the autoencoder of Stable Diffusion 1.x and 2.x, whose latents have four channels, from others."""

_SD_RGB = ((0.3444, 0.1385, 0.0670), (0.1247, 0.4027, 0.1494), (-0.3192, 0.2513, 0.2103), (-0.1307, -0.1874, -0.7445))
"""Each channel's share of red, green and blue in -1 … 1: a linear fit to what that autoencoder decodes.

The method is from https://discuss.huggingface.co/t/decoding-latents-to-rgb-without-upscaling/23204; these numbers, for
Stable Diffusion 1.5, are `SD1_5_LATENT_RGB_FACTORS` in invokeai/app/util/step_callback.py of
https://github.com/invoke-ai/InvokeAI.
"""


def latents_to_preview(latents: Tensor, autoencoder: Any) -> np.ndarray | None:
    """Finished latents, float32 [1, channels, h, w], as pixels, uint8 [height, width, 3]; None if that takes long.

    A pixel for each of the latents' where a matrix is known for the autoencoder. Else the autoencoder decodes them if
    it is small, averaged to fewer if they are many.
    """
    config = autoencoder.config
    if config.latent_channels == len(_SD_RGB) and math.isclose(config.scaling_factor, _SD_SCALING_FACTOR):
        image = torch.einsum("bchw,cr->brhw", latents, torch.tensor(_SD_RGB, device=latents.device))
        return _pixels(image)
    weights = sum(parameter.numel() for parameter in autoencoder.decoder.parameters())
    if weights * _DECODE_LEAST > _DECODE_MAX:
        return None
    few = _averaged(latents, math.sqrt(_DECODE_MAX / weights / latents[0, 0].numel())).to(autoencoder.dtype)
    return _pixels(autoencoder.decode(few / config.scaling_factor, return_dict=False)[0])


def _pixels(image: Tensor) -> np.ndarray:
    """[1, 3, height, width] in -1 … 1 → uint8 [height, width, 3]."""
    image = _averaged(image.float(), _SIDE_MAX / max(image.shape))
    pixels = (image[0].nan_to_num() / 2 + 0.5).clamp(0, 1) * 255
    return pixels.permute(1, 2, 0).round().to(torch.uint8).cpu().numpy()


def _averaged(image: Tensor, ratio: float) -> Tensor:
    """[1, channels, height, width] with sides that are `ratio` as long, where that is less than 1."""
    if ratio >= 1:
        return image
    size = [max(1, int(side * ratio)) for side in image.shape[-2:]]
    return interpolate(image, size=size, mode="area")
