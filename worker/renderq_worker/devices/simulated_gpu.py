"""CPU with the memory limit of a small GPU.

Results are those of the CPU. Loaded weights and results of operations count against the limit; exceeding it raises the
same exception as a GPU. Offloaded weights stay in place and do not count.
"""

from contextlib import AbstractContextManager

import torch
from torch import nn

from renderq_worker.devices.device import DeviceMemory
from renderq_worker.devices.memory_tracker import MemoryTracker, weights


class SimulatedGpu:
    """See `Device`."""

    has_own_memory = True

    def __init__(self, device: torch.device, memory_bytes: int) -> None:
        self.torch = device
        self._memory = memory_bytes
        self._tracker = MemoryTracker(memory_bytes)

    @property
    def name(self) -> str:
        return f"{torch.get_num_threads()} CPU threads, {self._memory} bytes of simulated GPU memory"

    def free_bytes(self) -> int:
        return self._memory - self._tracker.used_bytes

    def memory(self) -> DeviceMemory | None:
        return DeviceMemory(self._tracker.used_bytes, self._memory)

    def load(self, component: nn.Module) -> None:
        component.to(self.torch)
        for tensor in weights(component):
            self._tracker.add(tensor)

    def unload(self, component: nn.Module) -> None:
        for tensor in weights(component):
            self._tracker.remove(tensor)

    def select(self) -> None: ...

    def responds(self) -> bool:
        return True

    def tracked(self) -> AbstractContextManager[object]:
        return self._tracker.tracking()

    def reset_peak(self) -> None:
        self._tracker.peak = self._tracker.used_bytes

    def peak_bytes(self) -> int | None:
        return self._tracker.peak
