"""Prediction of the final latents of a stock call, for previews."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor


def predict_final(pipeline: Any, velocity: Tensor, sample: Tensor, arguments: Mapping[str, Any]) -> Tensor | None:
    """Return the final latents if the model's output for the last step were exact: float32 [1, channels, h, w].

    A sample of flow matching is (1 - sigma) x0 + sigma noise, and its velocity noise - x0
    (https://arxiv.org/abs/2403.03206, section 2). None for other models, or if the latents have another layout.
    """
    scheduler = pipeline.scheduler
    is_flow = "FlowMatch" in type(scheduler).__name__ or scheduler.config.get("use_flow_sigmas", False)
    if not is_flow:
        return None
    final = sample.float() - float(scheduler.sigmas[scheduler.step_index - 1]) * velocity.float()
    if final.ndim == 3 and hasattr(pipeline, "_unpack_latents"):
        factor = pipeline.vae_scale_factor
        final = pipeline._unpack_latents(final, arguments["height"], arguments["width"], factor)
    return final if final.ndim == 4 else None
