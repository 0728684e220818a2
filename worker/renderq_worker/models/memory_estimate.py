"""Memory that a model needs, computed from its configuration.

The model is built on torch's meta device, where tensors have shapes but no memory, and run there while the memory of
its tensors is counted: UNet and autoencoder of the families with a step loop of their own, the whole stock call of
others. So the estimate covers exactly the operations of the real model. Memory inside kernels, e.g. of convolutions on
CUDA, is not included.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from renderq_shared.catalog import ModelEntry
from renderq_shared.catalog.pipeline_config import GENERIC_FAMILY
from renderq_worker.devices import MemoryTracker
from renderq_worker.models.loading import load_weightless
from renderq_worker.models.parameter_count import parameter_counts
from renderq_worker.models.rehearsal import call_weightless

Size = tuple[int, int]
"""Width and height of an image in pixels."""

TOKENS = 77
"""Tokens of one text-encoder chunk."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ActivationMemory:
    """Bytes in addition to the weights, for one guided image."""

    denoising: int
    decoding: int

    @property
    def peak(self) -> int:
        return max(self.denoising, self.decoding)


@dataclass(frozen=True, slots=True)
class MemoryEstimate:
    """Memory of a model in bytes."""

    weights: Mapping[str, int]
    """By component."""
    default_size: int | None
    """Peak in addition to the weights, for an image of the default size; None if it cannot be computed."""
    max_size: int | None
    """The same for an image of the maximum size."""


def estimate_memory(entry: ModelEntry, dtype: torch.dtype) -> MemoryEstimate:
    """Estimate the memory of a model. Raises `ModelLoadFailed` for missing or damaged files."""
    weights = {name: count * dtype.itemsize for name, count in parameter_counts(entry).items()}
    limits, defaults = entry.limits, entry.defaults
    max_height = min(limits.max_side, limits.max_pixels // limits.max_side)
    sizes = (defaults.width, defaults.height), (limits.max_side, max_height)
    peaks = _pipeline_peaks if entry.family == GENERIC_FAMILY else _peaks
    try:
        return MemoryEstimate(weights, *peaks(entry, dtype, sizes))
    except Exception as error:  # invalid configurations raise anything; loading reports them better
        log.warning("memory_estimate.failed", model=entry.name, reason=f"{type(error).__name__}: {error}")
        return MemoryEstimate(weights, None, None)


def _peaks(entry: ModelEntry, dtype: torch.dtype, sizes: Sequence[Size]) -> Sequence[int]:
    model = MetaModel(entry.config_folder, dtype)
    return [model.activation_memory(width, height).peak for width, height in sizes]


def _pipeline_peaks(entry: ModelEntry, dtype: torch.dtype, sizes: Sequence[Size]) -> Sequence[int | None]:
    """Return the peak of the stock call for each size, with a small input image if it takes one.

    None for a quantized model. Raises what the call raises without weights.
    """
    weightless = load_weightless(entry)
    if weightless is None:
        return [None for _ in sizes]
    pipeline_class, components = weightless
    for component in components.values():
        if isinstance(component, nn.Module):
            nn.Module.to(component, dtype)
    peaks: list[int] = []
    for width, height in sizes:
        tracker = MemoryTracker()
        call_weightless(entry, pipeline_class, components, _counted(tracker), width=width, height=height)
        peaks.append(tracker.peak)
    return peaks


class MetaModel:
    """UNet and autoencoder on the meta device, without weights."""

    def __init__(self, configuration: Path, dtype: torch.dtype) -> None:
        self._unet = _on_meta(UNet2DConditionModel, configuration / "unet", dtype)
        config = self._unet.config
        self._is_xl, self._is_upscaler = config.addition_embed_type == "text_time", bool(config.num_class_embeds)
        upcasts = (self._is_xl or self._is_upscaler) and dtype is torch.float16
        self._vae = _on_meta(AutoencoderKL, configuration / "vae", torch.float32 if upcasts else dtype)
        self._upcast_bytes = 2 * sum(parameter.numel() for parameter in self._vae.parameters()) if upcasts else 0

    def activation_memory(self, width: int, height: int) -> ActivationMemory:
        """Return the memory for an image of this size in pixels; the upscaler processes large images in tiles."""
        factor = 2 ** (len(self._vae.config.block_out_channels) - 1)
        height, width = height // factor, width // factor
        max_size = 2 * self._unet.config.sample_size if self._is_upscaler else max(height, width)
        self._vae.use_tiling = max(height, width) > max_size
        latents = 1, self._vae.config.latent_channels, height, width
        return ActivationMemory(
            _peak_bytes(lambda: self._denoise(min(height, max_size), min(width, max_size))),
            _peak_bytes(lambda: self._vae.decode(torch.zeros(latents, dtype=self._vae.dtype))) + self._upcast_bytes,
        )

    def _denoise(self, height: int, width: int) -> Any:
        config = self._unet.config
        return self._unet(
            self._zeros(2, config.in_channels, height, width),
            self._zeros(2),
            encoder_hidden_states=self._zeros(2, TOKENS, config.cross_attention_dim),
            timestep_cond=None if config.time_cond_proj_dim is None else self._zeros(2, config.time_cond_proj_dim),
            class_labels=self._zeros(2).long() if self._is_upscaler else None,
            added_cond_kwargs=self._added_cond_kwargs() if self._is_xl else None,
        )

    def _added_cond_kwargs(self) -> Mapping[str, Tensor]:
        config, ids = self._unet.config, 6
        pooled = config.projection_class_embeddings_input_dim - ids * config.addition_time_embed_dim
        return {"text_embeds": self._zeros(2, pooled), "time_ids": self._zeros(2, ids)}

    def _zeros(self, *shape: int) -> Tensor:
        return torch.zeros(shape, dtype=self._unet.dtype)


def _on_meta(component_class: Any, folder: Path, dtype: torch.dtype) -> Any:
    with torch.device("meta"):
        component = component_class.from_config(component_class.load_config(str(folder)))
    return nn.Module.to(component.eval(), dtype)


def _peak_bytes(work: Callable[[], Any]) -> int:
    """Return the peak memory of `work` on the meta device."""
    tracker = MemoryTracker()
    with torch.inference_mode(), torch.device("meta"), _counted(tracker):
        work()
    return tracker.peak


@contextmanager
def _counted(tracker: MemoryTracker) -> Generator[None]:
    with tracker.tracking(), _FusedAttention():
        yield


class _FusedAttention(TorchFunctionMode):
    """Mode in which attention takes no memory but its result, as on real devices.

    On the meta device attention with a mask is computed by matrix products, one value per pair of tokens.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func is functional.scaled_dot_product_attention:
            return _attention_result(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


def _attention_result(query: Tensor, key: Tensor, value: Tensor, *_: Any, **__: Any) -> Tensor:
    return query.new_empty(*query.shape[:-1], value.shape[-1])
