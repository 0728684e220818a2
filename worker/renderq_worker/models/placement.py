"""Placement of weights: on the device from load to eviction, or only while in use."""

import weakref
from typing import Literal

import torch
from torch import nn

from renderq_shared.catalog import ModelEntry
from renderq_shared.catalog.entries import Dtype, Memory
from renderq_worker.devices import Device
from renderq_worker.models.dtypes import resolve_dtype
from renderq_worker.models.parameter_count import parameter_counts

MemoryMode = Literal["full", "balanced", "low"]
"""`full`: weights on the device, images decoded whole. `balanced`: images above the autoencoder's training size are
decoded in tiles. `low`: as `balanced`, and each component is on the device only while in use."""

HEADROOM = 4 / 5
"""Share of the free memory that weights may use by default, and that the choice of `auto` assumes."""

AMPLE_BYTES_PER_PIXEL = 16_384
"""Bytes per pixel of the largest image that always suffice: five times the use of Stable Diffusion's autoencoder in
float32."""


class Placement:
    """Placement of models on one device: dtypes, memory modes, and the active component in offload mode."""

    def __init__(
        self,
        device: Device,
        *,
        dtype: Dtype = "auto",
        mode: Memory = "auto",
        budget_bytes: int | None = None,
    ) -> None:
        """`budget_bytes` limits the weights on the device; None is `HEADROOM` of the memory that is free now."""
        self.device = device
        self._dtype: Dtype = dtype
        self._mode: Memory = mode
        self._free = device.free_bytes()
        self.budget_bytes = int(self._free * HEADROOM) if budget_bytes is None else budget_bytes
        self._modes: dict[str, MemoryMode] = {}
        self._active: weakref.ref[nn.Module] | None = None

    def dtype_of(self, entry: ModelEntry) -> torch.dtype:
        return resolve_dtype(entry, self._dtype, self.device.torch)

    def mode_of(self, entry: ModelEntry) -> MemoryMode:
        """Return the mode of the catalog, else of the settings, else one that fits the memory free at start."""
        if entry.name not in self._modes:
            self._modes[entry.name] = self._choose_mode(entry)
        return self._modes[entry.name]

    def enable_offload(self, entry: ModelEntry) -> bool:
        """Switch to `low`; return whether that changes anything. A resident model must be loaded again."""
        if not self.device.has_own_memory or self.mode_of(entry) == "low":
            return False
        self._modes[entry.name] = "low"
        return True

    def weight_bytes(self, entry: ModelEntry) -> int:
        """Return the size of all its weights in float32, the largest that its files may have. Raises `ModelLoadFailed`
        if they cannot be read."""
        return sum(parameter_counts(entry).values()) * torch.float32.itemsize

    def bytes_on_device(self, entry: ModelEntry) -> int:
        """Return the device memory of its weights."""
        counts = parameter_counts(entry).values()
        count = max(counts, default=0) if self.mode_of(entry) == "low" else sum(counts)
        return count * self.dtype_of(entry).itemsize

    def load_device(self, entry: ModelEntry) -> torch.device:
        """Return the device to load its weights to."""
        return torch.device("cpu") if self.mode_of(entry) == "low" else self.device.torch

    def activate(self, component: nn.Module) -> None:
        """Move a component to the device and the previously active one off it. Raises when memory is exhausted."""
        previous = self._active and self._active()
        if previous is component:
            return
        with torch.inference_mode(mode=False):  # inference tensors use other kernels
            self._active = None
            if previous is not None:
                self.device.unload(previous)
            try:
                self.device.load(component)
            except BaseException:
                self.device.unload(component)
                raise
        self._active = weakref.ref(component)

    def _choose_mode(self, entry: ModelEntry) -> MemoryMode:
        requested = self._mode if entry.memory == "auto" else entry.memory
        mode: MemoryMode = self._fitting_mode(entry) if requested == "auto" else requested
        return "balanced" if mode == "low" and not self.device.has_own_memory else mode

    def _fitting_mode(self, entry: ModelEntry) -> MemoryMode:
        """Return `full` if the weights and the largest image fit, `balanced` if an image of the default size does."""
        available = self._free * HEADROOM
        weights = sum(parameter_counts(entry).values()) * self.dtype_of(entry).itemsize
        if weights + AMPLE_BYTES_PER_PIXEL * entry.limits.max_pixels <= available:
            return "full"  # the estimate would say the same, but takes a second
        from renderq_worker.models.memory_estimate import estimate_memory  # imports diffusers

        estimate = estimate_memory(entry, self.dtype_of(entry))
        if estimate.default_size is None or estimate.max_size is None:
            return "full" if weights <= available else "low"
        if weights + estimate.max_size <= available:
            return "full"
        return "balanced" if weights + estimate.default_size <= available else "low"
