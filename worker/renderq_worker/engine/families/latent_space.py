"""Between pixels and latents: a model's autoencoder, called as the stock pipelines call it."""

from typing import Any

import torch
from diffusers import DiffusionPipeline
from PIL import Image
from torch import Tensor

from renderq_worker.engine.errors import NanOutput
from renderq_worker.engine.generation import GenerationSpec
from renderq_worker.engine.tasks import Pixels


class LatentSpace:
    """The autoencoder of a pipeline and what surrounds it. `dtype` is that of the latents."""

    def __init__(self, pipeline: DiffusionPipeline, device: torch.device, dtype: torch.dtype) -> None:
        parts: Any = pipeline
        self._vae, self._processor = parts.vae, parts.image_processor
        self.device, self.dtype = device, dtype
        self.channels: int = parts.vae.config.latent_channels
        self.factor: int = parts.vae_scale_factor
        """Pixels per latent pixel along each side."""

    def tensor(self, image: Pixels, spec: GenerationSpec) -> Tensor:
        """A picture as the autoencoder takes it, float32 [1, 3, spec.height, spec.width] within [-1, 1]."""
        return self._processor.preprocess(Image.fromarray(image), height=spec.height, width=spec.width)

    def encode(self, picture: Tensor, generator: torch.Generator) -> Tensor:
        """Latents [1, channels, height / factor, width / factor], sampled from the posterior with this generator."""
        posterior = self._vae.encode(picture.to(self.device, self.dtype)).latent_dist
        return self._vae.config.scaling_factor * posterior.sample(generator)

    def decode(self, latents: Tensor) -> Tensor:
        """Pictures [1, 3, height, width] around [-1, 1]. Raises `NanOutput`."""
        image = self._vae.decode(latents / self._vae.config.scaling_factor, return_dict=False)[0]
        if not bool(torch.isfinite(image).all()):
            raise NanOutput("the autoencoder computed NaN or infinity; run the model in float32 or bfloat16")
        return image
