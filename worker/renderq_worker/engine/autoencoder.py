"""Autoencoder of a model: pixels to latents and back, called as in the stock pipelines."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from diffusers import DiffusionPipeline
from diffusers.image_processor import VaeImageProcessor
from PIL import Image
from torch import Tensor
from torch.nn.functional import max_pool2d

from renderq_worker.engine.errors import NanOutput
from renderq_worker.engine.tasks.types import Mask, Pixels


class Autoencoder:
    """Autoencoder of a pipeline with its image processors. `dtype` is that of the latents."""

    def __init__(
        self, pipeline: DiffusionPipeline, device: torch.device, dtype: torch.dtype, *, force_upcast: bool = False
    ) -> None:
        """`force_upcast`: run in float32 where the autoencoder's configuration says that it overflows in float16."""
        components: Any = pipeline
        self._force_upcast = force_upcast and components.vae.config.force_upcast
        self._vae, self._processor = components.vae, components.image_processor
        self.device, self.dtype = device, dtype
        self.latent_channels: int = components.vae.config.latent_channels
        self.vae_scale_factor: int = components.vae_scale_factor
        """Pixels per latent pixel, along each axis."""
        self.tile_sample_size: int = components.vae.tile_sample_min_size
        """Width and height of a tile in pixels: the autoencoder's training size, from its configuration."""
        self._latent_stats = _latent_stats(components.vae.config)
        self._mask_processor = VaeImageProcessor(
            vae_scale_factor=self.vae_scale_factor, do_normalize=False, do_binarize=True, do_convert_grayscale=True
        )

    def preprocess(self, image: Pixels) -> Tensor:
        """Return the image as the autoencoder takes it, float32 [1, 3, height, width] within [-1, 1].

        Contiguous, so that all tasks use one memory layout: convolutions sum in another order in channels-last tensors,
        which the stock pipelines make from PIL images.
        """
        return self._processor.preprocess(Image.fromarray(image)).contiguous()

    def preprocess_mask(self, mask: Mask) -> Tensor:
        """Return the mask as 0 and 1, float32 [1, 1, height, width]; 1 from `MASK_THRESHOLD` on."""
        return self._mask_processor.preprocess(Image.fromarray(mask)).contiguous()

    def latent_mask(self, mask: Mask) -> Tensor:
        """Return the mask in latent size, [1, 1, height / factor, width / factor]: 1 for a block with any white pixel.

        Stock pipelines take each block's upper left pixel, so a thin or shifted mask loses blocks.
        """
        return max_pool2d(self.preprocess_mask(mask), self.vae_scale_factor).to(self.device, self.dtype)

    def encode(self, image: Tensor, generator: torch.Generator) -> Tensor:
        """Return latents [1, channels, height / factor, width / factor], sampled from the posterior."""
        image = image.to(self.device, self.dtype)
        with self._upcast(on=self._force_upcast):
            posterior = self._vae.encode(image.to(self._vae.dtype)).latent_dist
            latents = posterior.sample(generator).to(self.dtype)
        scale = self._vae.config.scaling_factor
        if self._latent_stats is None:
            return scale * latents
        mean, deviation = (each.to(latents) for each in self._latent_stats)
        return (latents - mean) * scale / deviation

    def decode(self, latents: Tensor) -> Tensor:
        """Return an image [1, 3, height, width], about within [-1, 1]. Raises `NanOutput`."""
        with self._upcast(on=self._force_upcast and self.dtype is torch.float16):
            image = self._vae.decode(self._unscaled(latents.to(self._vae.dtype)), return_dict=False)[0]
        if not bool(torch.isfinite(image).all()):
            raise NanOutput("the autoencoder computed NaN or infinity; run the model in float32 or bfloat16")
        return image

    def _unscaled(self, latents: Tensor) -> Tensor:
        scale = self._vae.config.scaling_factor
        if self._latent_stats is None:
            return latents / scale
        mean, deviation = (each.to(latents) for each in self._latent_stats)
        return latents * deviation / scale + mean

    @contextmanager
    def _upcast(self, *, on: bool) -> Generator[None]:
        """Run the autoencoder in float32 inside the context."""
        if not on:
            yield
            return
        self._vae.to(torch.float32)
        try:
            yield
        finally:
            self._vae.to(self.dtype)

    @contextmanager
    def tiling(self, tile_size: int | None) -> Generator[None]:
        """Make the autoencoder work in diffusers' tiles, which overlap by a quarter and bound its memory.

        `tile_size` is in pixels; None leaves the autoencoder unchanged.
        """
        vae = self._vae
        before = vae.use_tiling, vae.tile_sample_min_size, vae.tile_latent_min_size
        if tile_size is not None:
            vae.use_tiling, vae.tile_sample_min_size, vae.tile_latent_min_size = (
                True,
                tile_size,
                tile_size // self.vae_scale_factor,
            )
        try:
            yield
        finally:
            vae.use_tiling, vae.tile_sample_min_size, vae.tile_latent_min_size = before


def _latent_stats(config: Mapping[str, Any]) -> tuple[Tensor, Tensor] | None:
    """Return mean and deviation of the latents in training, [1, channels, 1, 1]; few autoencoders have them."""
    mean, deviation = config.get("latents_mean"), config.get("latents_std")
    if mean is None or deviation is None:
        return None
    return torch.tensor(mean).view(1, -1, 1, 1), torch.tensor(deviation).view(1, -1, 1, 1)
