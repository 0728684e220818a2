"""CUDA device. No other module calls `torch.cuda`; docs/guides/gpu.md describes how to check each call."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import torch
from torch import nn

from renderq_worker.devices.device import DeviceMemory
from renderq_worker.devices.errors import is_out_of_memory


def is_available() -> bool:
    return torch.cuda.is_available()


def unused_reason(env: Mapping[str, str], cards: Path = Path("/proc/driver/nvidia/gpus")) -> str | None:
    """Return why torch cannot use the NVIDIA cards of this machine; `None` without any, or if `env` hides them.

    `cards`: the driver's folder, with one entry per card.
    """
    if env.get("CUDA_VISIBLE_DEVICES") in {"", "-1"} or not cards.is_dir() or not any(cards.iterdir()):
        return None
    try:
        torch.cuda.init()
    except (RuntimeError, AssertionError) as error:
        return str(error).splitlines()[0]
    return None


def has_bfloat16() -> bool:
    """Return whether the current device supports bfloat16."""
    return torch.cuda.is_bf16_supported()


def current_index() -> int:
    """Return the index of the thread's current device; 0 unless it was changed."""
    return torch.cuda.current_device()


class CudaDevice:
    """See `Device`."""

    has_own_memory = True

    def __init__(self, device: torch.device, memory_bytes: int | None) -> None:
        """`memory_bytes` limits this process; None allows the whole memory.

        Raises `RuntimeError` if torch has no kernels for the device.
        """
        self.torch = device
        self._total = torch.cuda.get_device_properties(device).total_memory
        self._limit = self._total if memory_bytes is None else min(memory_bytes, self._total)
        if self._limit < self._total:
            torch.cuda.set_per_process_memory_fraction(self._limit / self._total, device)
        self._check_kernels()

    def _check_kernels(self) -> None:
        """Compute a small product, which fails if torch was built for other cards."""
        try:
            factor = torch.ones(8, 8, dtype=torch.float16, device=self.torch)
            (factor @ factor).sum().item()
        except RuntimeError as error:
            if is_out_of_memory(error):
                return  # others occupy the card; fallbacks follow
            if "no kernel image" not in str(error):
                raise
            major, minor = torch.cuda.get_device_capability(self.torch)
            raise RuntimeError(
                f"torch {torch.__version__} has no kernels for {torch.cuda.get_device_name(self.torch)}, whose compute "
                f"capability is {major}.{minor}, only for {', '.join(torch.cuda.get_arch_list())}; install a build of "
                "torch for this card, see https://pytorch.org/get-started/previous-versions/"
            ) from error

    @property
    def name(self) -> str:
        limit = "" if self._limit == self._total else f", {self._limit} bytes of it"
        return f"{torch.cuda.get_device_name(self.torch)}{limit}"

    def free_bytes(self) -> int:
        """Return the driver's free memory, after torch has released its cache, within the limit."""
        torch.cuda.empty_cache()
        return min(torch.cuda.mem_get_info(self.torch)[0], self._limit - torch.cuda.memory_allocated(self.torch))

    def memory(self) -> DeviceMemory | None:
        return DeviceMemory(torch.cuda.memory_reserved(self.torch), self._limit)

    def load(self, component: nn.Module) -> None:
        component.to(self.torch)

    def unload(self, component: nn.Module) -> None:
        component.to("cpu")

    def select(self) -> None:
        torch.cuda.set_device(self.torch)

    def responds(self) -> bool:
        try:
            return bool(((torch.ones(1, device=self.torch) + 1) == 2).item())
        except Exception:
            return False

    def tracked(self) -> AbstractContextManager[object]:
        return torch.cuda.device(self.torch)

    def reset_peak(self) -> None:
        torch.cuda.reset_peak_memory_stats(self.torch)

    def peak_bytes(self) -> int | None:
        return torch.cuda.max_memory_allocated(self.torch)
