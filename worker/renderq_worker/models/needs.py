"""What memory a model needs, computed from its configuration.

The model is built on torch's meta device, where tensors have shapes and no memory, and run there while the memory that
its tensors would have is counted. So the figures are those of the very operations that will be made; what kernels need
inside themselves, convolutions on CUDA for one, comes on top.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import Tensor, nn

from renderq_shared.catalog import ModelEntry
from renderq_worker.devices import Ledger
from renderq_worker.models.footprint import parameters

TOKENS = 77


@dataclass(frozen=True, slots=True)
class Work:
    """Bytes beside the weights, for one guided picture."""

    denoising: int
    decoding: int

    @property
    def most(self) -> int:
        return max(self.denoising, self.decoding)


@dataclass(frozen=True, slots=True)
class Needs:
    """Bytes that a model needs."""

    weights: Mapping[str, int]
    """By component."""
    native: Work | None
    """For a picture of the sides that requests get by default; None where the work cannot be computed from outside."""
    largest: Work | None
    """For the largest picture that requests may ask for, a square if both sides may be so long."""


def needs_of(entry: ModelEntry, dtype: torch.dtype) -> Needs:
    """Raises `ModelLoadFailed` for files that are missing or damaged."""
    weights = {name: count * dtype.itemsize for name, count in parameters(entry).items()}
    if entry.family == "pipeline":
        return Needs(weights, None, None)
    model, limits = _Hollow(entry, dtype), entry.limits
    height = min(limits.max_side, limits.max_pixels // limits.max_side)
    native = model.work(entry.defaults.width, entry.defaults.height)
    return Needs(weights, native, model.work(limits.max_side, height))


class _Hollow:
    """UNet and autoencoder without weights."""

    def __init__(self, entry: ModelEntry, dtype: torch.dtype) -> None:
        self._unet = _hollow(UNet2DConditionModel, entry, "unet", dtype)
        self._vae = _hollow(AutoencoderKL, entry, "vae", dtype)
        self._dtype = dtype

    def work(self, width: int, height: int) -> Work:
        """For a picture of these sides in pixels."""
        factor = 2 ** (len(self._vae.config.block_out_channels) - 1)
        height, width = height // factor, width // factor
        return Work(
            _most(lambda: self._denoise(height, width)),
            _most(lambda: self._vae.decode(self._zeros(1, self._vae.config.latent_channels, height, width))),
        )

    def _denoise(self, height: int, width: int) -> Any:
        config = self._unet.config
        return self._unet(
            self._zeros(2, config.in_channels, height, width),
            self._zeros(2),
            encoder_hidden_states=self._zeros(2, TOKENS, config.cross_attention_dim),
            timestep_cond=None if config.time_cond_proj_dim is None else self._zeros(2, config.time_cond_proj_dim),
            class_labels=self._zeros(2).long() if config.num_class_embeds else None,
            added_cond_kwargs=self._extras() if config.addition_embed_type == "text_time" else None,
        )

    def _extras(self) -> Mapping[str, Tensor]:
        config, ids = self._unet.config, 6
        pooled = config.projection_class_embeddings_input_dim - ids * config.addition_time_embed_dim
        return {"text_embeds": self._zeros(2, pooled), "time_ids": self._zeros(2, ids)}

    def _zeros(self, *shape: int) -> Tensor:
        return torch.zeros(shape, dtype=self._dtype)


def _hollow(part_class: Any, entry: ModelEntry, name: str, dtype: torch.dtype) -> Any:
    with torch.device("meta"):
        part = part_class.from_config(part_class.load_config(str(entry.configuration), subfolder=name))
    return nn.Module.to(part.eval(), dtype)


def _most(work: Callable[[], Any]) -> int:
    """Most bytes in use while this is done on the meta device."""
    ledger = Ledger()
    with torch.inference_mode(), torch.device("meta"), ledger.counting():
        work()
    return ledger.peak
