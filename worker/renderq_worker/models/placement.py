"""Where a model's weights are: on the device from load to eviction, or there only while they are used."""

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
"""`full`: weights on the device, pictures decoded whole. `balanced`: pictures larger than the autoencoder was trained
with are decoded in tiles. `low`: also, each component is on the device only while it is used."""

HEADROOM = 4 / 5
"""Share of the free memory that weights may take where nobody said more, and that `auto` counts on."""

AMPLE_BYTES_PER_PIXEL = 16_384
"""Bytes per pixel of the largest picture that are enough for any work: five times what the autoencoder of Stable
Diffusion takes in float32."""


class Placement:
    """One device's models: formats, memory modes, and whose turn it is there."""

    def __init__(
        self,
        device: Device,
        *,
        dtype: Dtype = "auto",
        mode: Memory = "auto",
        budget_bytes: int | None = None,
    ) -> None:
        """`budget_bytes` is what weights may take of the device; None is `HEADROOM` of what is free now."""
        self.device = device
        self._dtype: Dtype = dtype
        self._mode: Memory = mode
        self._free = device.free_bytes()
        self.budget_bytes = int(self._free * HEADROOM) if budget_bytes is None else budget_bytes
        self._modes: dict[str, MemoryMode] = {}
        self._turn: weakref.ref[nn.Module] | None = None

    def dtype_of(self, entry: ModelEntry) -> torch.dtype:
        return resolve_dtype(entry, self._dtype, self.device.torch)

    def mode_of(self, entry: ModelEntry) -> MemoryMode:
        """As the catalog says, else the settings, else by what the model needs and the device had at the start."""
        if entry.name not in self._modes:
            self._modes[entry.name] = self._choose(entry)
        return self._modes[entry.name]

    def enable_offload(self, entry: ModelEntry) -> bool:
        """From now on, `low`; whether that makes a difference. What is in memory has to be loaded again."""
        if not self.device.has_own_memory or self.mode_of(entry) == "low":
            return False
        self._modes[entry.name] = "low"
        return True

    def bytes_on_device(self, entry: ModelEntry) -> int:
        """What its weights take there."""
        counts = parameter_counts(entry).values()
        count = max(counts, default=0) if self.mode_of(entry) == "low" else sum(counts)
        return count * self.dtype_of(entry).itemsize

    def load_device(self, entry: ModelEntry) -> torch.device:
        """Where its weights are loaded to."""
        return torch.device("cpu") if self.mode_of(entry) == "low" else self.device.torch

    def activate(self, component: nn.Module) -> None:
        """Bring it onto the device; whichever component had the turn before leaves. Raises when memory is exhausted."""
        holder = self._turn and self._turn()
        if holder is component:
            return
        with torch.inference_mode(mode=False):  # weights made within it take other kernels
            self._turn = None
            if holder is not None:
                self.device.unload(holder)
            try:
                self.device.load(component)
            except BaseException:
                self.device.unload(component)
                raise
        self._turn = weakref.ref(component)

    def _choose(self, entry: ModelEntry) -> MemoryMode:
        wanted = self._mode if entry.memory == "auto" else entry.memory
        mode: MemoryMode = self._fitting(entry) if wanted == "auto" else wanted
        return "balanced" if mode == "low" and not self.device.has_own_memory else mode

    def _fitting(self, entry: ModelEntry) -> MemoryMode:
        """`full` where the largest picture fits beside the weights, `balanced` where one of the usual size does."""
        room = self._free * HEADROOM
        weights = sum(parameter_counts(entry).values()) * self.dtype_of(entry).itemsize
        if weights + AMPLE_BYTES_PER_PIXEL * entry.limits.max_pixels <= room:
            return "full"  # as a computation would say, which takes a second
        from renderq_worker.models.memory_estimate import estimate_memory  # brings diffusers

        needs = estimate_memory(entry, self.dtype_of(entry))
        if needs.default_size is None or needs.max_size is None:
            return "full" if weights <= room else "low"
        if weights + needs.max_size.peak <= room:
            return "full"
        return "balanced" if weights + needs.default_size.peak <= room else "low"
