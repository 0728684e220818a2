"""CPU with the machine's memory. Exhaustion raises no exception, so memory is not tracked."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import torch
from torch import nn


class CpuDevice:
    """See `Device`."""

    has_own_memory = False

    def __init__(self, device: torch.device) -> None:
        self.torch = device

    @property
    def name(self) -> str:
        return f"{torch.get_num_threads()} CPU threads"

    def free_bytes(self) -> int:
        for line in Path("/proc/meminfo").read_text().splitlines():
            name, _, value = line.partition(":")
            if name == "MemAvailable":
                return int(value.split()[0]) * 1024
        raise RuntimeError("/proc/meminfo has no MemAvailable; use Linux 3.14 or newer")

    def load(self, component: nn.Module) -> None:
        component.to(self.torch)

    def unload(self, component: nn.Module) -> None: ...

    def tracked(self) -> AbstractContextManager[object]:
        return nullcontext()

    def reset_peak(self) -> None: ...

    def peak_bytes(self) -> int | None:
        return None
