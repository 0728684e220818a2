"""Fast conversion of latents to a small image."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

_MAX_SIZE = 256
"""Maximum width and height in pixels."""

_MAX_DECODE_COST = 10**8
"""Maximum of the decoder's weights times latent pixels: about 50 ms on one CPU core."""

_MIN_DECODE_PIXELS = 64
"""Latent pixels; a decoder that is too large for this many is not run."""

_SD_SCALING_FACTOR = 0.18215
"""Identifies the autoencoder of Stable Diffusion 1.x and 2.x among those with four latent channels."""

_SD_RGB = ((0.3444, 0.1385, 0.0670), (0.1247, 0.4027, 0.1494), (-0.3192, 0.2513, 0.2103), (-0.1307, -0.1874, -0.7445))
"""Linear fit to that autoencoder: each channel's share of red, green and blue in -1 … 1.

Method: https://discuss.huggingface.co/t/decoding-latents-to-rgb-without-upscaling/23204. The numbers are for
Stable Diffusion 1.5, from `SD1_5_LATENT_RGB_FACTORS` in invokeai/app/util/step_callback.py of
https://github.com/invoke-ai/InvokeAI.
"""


def latents_to_preview(latents: Tensor, autoencoder: Any) -> np.ndarray | None:
    """Convert final latents, float32 [1, channels, h, w], to uint8 [height, width, 3]; None if that would be slow.

    If a matrix is known for the autoencoder, the image has one pixel per latent pixel. Else a small autoencoder decodes
    the latents, downscaled if they are large.
    """
    config = autoencoder.config
    if config.latent_channels == len(_SD_RGB) and math.isclose(config.scaling_factor, _SD_SCALING_FACTOR):
        image = torch.einsum("bchw,cr->brhw", latents, torch.tensor(_SD_RGB, device=latents.device))
        return _pixels(image)
    weights = sum(parameter.numel() for parameter in autoencoder.decoder.parameters())
    if weights * _MIN_DECODE_PIXELS > _MAX_DECODE_COST:
        return None
    reduced = _downscale(latents, math.sqrt(_MAX_DECODE_COST / weights / latents[0, 0].numel())).to(autoencoder.dtype)
    shift = config.get("shift_factor") or 0.0
    return _pixels(autoencoder.decode(reduced / config.scaling_factor + shift, return_dict=False)[0])


def _pixels(image: Tensor) -> np.ndarray:
    """Convert [1, 3, height, width] in -1 … 1 to uint8 [height, width, 3]."""
    image = _downscale(image.float(), _MAX_SIZE / max(image.shape))
    pixels = (image[0].nan_to_num() / 2 + 0.5).clamp(0, 1) * 255
    return pixels.permute(1, 2, 0).round().to(torch.uint8).cpu().numpy()


def _downscale(image: Tensor, ratio: float) -> Tensor:
    """Average [1, channels, height, width] down to `ratio` of its width and height; unchanged if that is 1 or more."""
    if ratio >= 1:
        return image
    size = [max(1, int(length * ratio)) for length in image.shape[-2:]]
    return interpolate(image, size=size, mode="area")
