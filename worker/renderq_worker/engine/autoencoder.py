"""Between pixels and latents: a model's autoencoder, called as the stock pipelines call it."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from diffusers import DiffusionPipeline
from diffusers.image_processor import VaeImageProcessor
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from renderq_worker.engine.errors import NanOutput
from renderq_worker.engine.tasks.types import Mask, Pixels


class Autoencoder:
    """The autoencoder of a pipeline and what surrounds it. `dtype` is that of the latents."""

    def __init__(
        self, pipeline: DiffusionPipeline, device: torch.device, dtype: torch.dtype, *, force_upcast: bool = False
    ) -> None:
        """`force_upcast`: run the autoencoder in float32 where its configuration says that it overflows in float16."""
        parts: Any = pipeline
        self._force_upcast = force_upcast and parts.vae.config.force_upcast
        self._vae, self._processor = parts.vae, parts.image_processor
        self.device, self.dtype = device, dtype
        self.latent_channels: int = parts.vae.config.latent_channels
        self.vae_scale_factor: int = parts.vae_scale_factor
        """Pixels per latent pixel along each side."""
        self.tile_sample_size: int = parts.vae.tile_sample_min_size
        """Pixels along each side of a tile, as the autoencoder's configuration says: what it was trained with."""
        self._latent_stats = _latent_stats(parts.vae.config)
        self._mask_processor = VaeImageProcessor(
            vae_scale_factor=self.vae_scale_factor, do_normalize=False, do_binarize=True, do_convert_grayscale=True
        )

    def preprocess(self, image: Pixels) -> Tensor:
        """A picture as the autoencoder takes it, float32 [1, 3, height, width] within [-1, 1].

        Contiguous, so that images of all tasks lie in memory alike: convolutions add up in another order where the
        channels come last, as they do in a tensor that the stock pipelines make of a PIL picture by themselves.
        """
        return self._processor.preprocess(Image.fromarray(image)).contiguous()

    def preprocess_mask(self, mask: Mask) -> Tensor:
        """0 and 1, float32 [1, 1, height, width]; 1 from 128 on."""
        return self._mask_processor.preprocess(Image.fromarray(mask)).contiguous()

    def latent_mask(self, mask: Mask) -> Tensor:
        """The same in the size of latents, [1, 1, height / factor, width / factor]; a block goes by its upper left."""
        height, width = (side // self.vae_scale_factor for side in mask.shape)
        return interpolate(self.preprocess_mask(mask), size=(height, width)).to(self.device, self.dtype)

    def encode(self, image: Tensor, generator: torch.Generator) -> Tensor:
        """Latents [1, channels, height / factor, width / factor], sampled from the posterior with this generator."""
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
        """Pictures [1, 3, height, width] around [-1, 1]. Raises `NanOutput`."""
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
        """The autoencoder in float32."""
        if not on:
            yield
            return
        self._vae.to(torch.float32)
        try:
            yield
        finally:
            self._vae.to(self.dtype)

    @contextmanager
    def tiling(self, side: int | None) -> Generator[None]:
        """While this lasts the autoencoder works in diffusers' tiles, which overlap by a quarter and bound the memory.

        `side` is that of the tiles, in pixels; None leaves the autoencoder as it is.
        """
        vae = self._vae
        before = vae.use_tiling, vae.tile_sample_min_size, vae.tile_latent_min_size
        if side is not None:
            vae.use_tiling, vae.tile_sample_min_size, vae.tile_latent_min_size = (
                True,
                side,
                side // self.vae_scale_factor,
            )
        try:
            yield
        finally:
            vae.use_tiling, vae.tile_sample_min_size, vae.tile_latent_min_size = before


def _latent_stats(config: Mapping[str, Any]) -> tuple[Tensor, Tensor] | None:
    """Mean and deviation of the latents in training, [1, channels, 1, 1] each; few autoencoders say them."""
    mean, deviation = config.get("latents_mean"), config.get("latents_std")
    if mean is None or deviation is None:
        return None
    return torch.tensor(mean).view(1, -1, 1, 1), torch.tensor(deviation).view(1, -1, 1, 1)
