"""CUDA device. No other module calls `torch.cuda`; docs/guides/gpu.md describes how to check each call."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn


def is_available() -> bool:
    return torch.cuda.is_available()


def has_bfloat16() -> bool:
    """Return whether the current device supports bfloat16."""
    return torch.cuda.is_bf16_supported()


class CudaDevice:
    """See `Device`."""

    has_own_memory = True

    def __init__(self, device: torch.device, memory_bytes: int | None) -> None:
        """`memory_bytes` limits this process; None allows the whole memory."""
        self.torch = device
        self._total = torch.cuda.get_device_properties(device).total_memory
        self._limit = self._total if memory_bytes is None else min(memory_bytes, self._total)
        if self._limit < self._total:
            torch.cuda.set_per_process_memory_fraction(self._limit / self._total, device)

    @property
    def name(self) -> str:
        limit = "" if self._limit == self._total else f", {self._limit} bytes of it"
        return f"{torch.cuda.get_device_name(self.torch)}{limit}"

    def free_bytes(self) -> int:
        """Return the driver's free memory, after torch has released its cache, within the limit."""
        torch.cuda.empty_cache()
        return min(torch.cuda.mem_get_info(self.torch)[0], self._limit - torch.cuda.memory_allocated(self.torch))

    def load(self, component: nn.Module) -> None:
        component.to(self.torch)

    def unload(self, component: nn.Module) -> None:
        component.to("cpu")

    def tracked(self) -> AbstractContextManager[object]:
        return nullcontext()

    def reset_peak(self) -> None:
        torch.cuda.reset_peak_memory_stats(self.torch)

    def peak_bytes(self) -> int | None:
        return torch.cuda.max_memory_allocated(self.torch)
