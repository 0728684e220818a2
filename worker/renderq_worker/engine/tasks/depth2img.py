"""depth2img: an image plus noise, with its depth as an extra channel, as in `StableDiffusionDepth2ImgPipeline`."""

from contextlib import nullcontext
from dataclasses import replace

import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from renderq_worker.engine.errors import DepthMapMissing
from renderq_worker.engine.prepared_latents import PreparedLatents
from renderq_worker.engine.tasks.img2img import img2img
from renderq_worker.engine.tasks.prepare_context import PrepareContext
from renderq_worker.engine.tasks.types import Depth2Img, Pixels


def depth2img(task: Depth2Img, context: PrepareContext) -> PreparedLatents:
    """Prepare as for img2img, plus the depth; without a depth map, the model's estimator computes it."""
    autoencoder = context.autoencoder
    if task.depth_map is None:
        depth = _estimate(task.image, context)
    else:
        depth = torch.tensor(task.depth_map)[None].to(autoencoder.device, autoencoder.dtype)
    height, width = (
        context.spec.height // autoencoder.vae_scale_factor,
        context.spec.width // autoencoder.vae_scale_factor,
    )
    depth = interpolate(depth.unsqueeze(1), size=(height, width), mode="bicubic", align_corners=False)
    return replace(img2img(task, context), extra_channels=_normalized(depth))


def _estimate(image: Pixels, context: PrepareContext) -> Tensor:
    """Return [1, h, w]. Raises `DepthMapMissing`."""
    model, autoencoder = context.pipeline, context.autoencoder
    if model.depth_estimator is None:
        raise DepthMapMissing(f"model {context.spec.model!r} has no depth estimator; send a depth_map")
    inputs = model.feature_extractor(images=[Image.fromarray(image)], return_tensors="pt").pixel_values
    is_full = autoencoder.dtype == torch.float32
    with nullcontext() if is_full else torch.autocast(autoencoder.device.type, dtype=autoencoder.dtype):
        return model.depth_estimator(inputs.to(autoencoder.device, autoencoder.dtype)).predicted_depth


def _normalized(depth: Tensor) -> Tensor:
    """Scale to [-1, 1]; a constant map, which becomes NaN in the stock pipelines, to 0."""
    lowest, highest = depth.amin(), depth.amax()
    if lowest == highest:
        return torch.zeros_like(depth)
    return 2.0 * (depth - lowest) / (highest - lowest) - 1.0
