"""Stable Diffusion XL: two text encoders, with pooled embeddings and the image size as further inputs.

Every line that touches a tensor has its counterpart in the `__call__` of diffusers' SDXL pipelines; the parity tests
compare them.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from renderq_worker.engine.families.prompt_encoding import EncodedPrompts
from renderq_worker.engine.families.sdxl_prompts import SDXLPromptEncoder
from renderq_worker.engine.families.stable_diffusion import StableDiffusion
from renderq_worker.engine.generation import GenerationSpec
from renderq_worker.models import ModelLoadFailed

_TIME_IDS = 6
"""Height and width of the original, top and left of the crop, height and width of the target."""


class StableDiffusionXL(StableDiffusion):
    """A loaded SDXL model."""

    force_upcast = True
    prompt_encoder = SDXLPromptEncoder

    def _check_components(self) -> None:
        """Raise `ModelLoadFailed` for a UNet with other added conditions than the base model's."""
        expected = self._unet.add_embedding.linear_1.in_features
        provided = self._pooled_width + _TIME_IDS * self._unet.config.addition_time_embed_dim
        if expected != provided:
            raise ModelLoadFailed(
                f"the UNet expects {expected} numbers of added conditions, not {provided}: it is a refiner, or the "
                "text encoders are of another model"
            )

    @property
    def _pooled_width(self) -> int:
        return self._pipeline.text_encoder_2.config.projection_dim

    def _added_cond_kwargs(self, spec: GenerationSpec, prompts: EncodedPrompts) -> Mapping[str, Tensor]:
        embeddings, size_ids = prompts.embeddings, [spec.height, spec.width, 0, 0, spec.height, spec.width]
        time_ids = torch.tensor([size_ids] * len(embeddings), dtype=embeddings.dtype, device=embeddings.device)
        return {"text_embeds": prompts.pooled, "time_ids": time_ids}

    def _probe_cond_kwargs(self, noise: Callable[..., Tensor]) -> Mapping[str, Tensor]:
        return {"text_embeds": noise(self._pooled_width), "time_ids": noise(_TIME_IDS) * 100}
