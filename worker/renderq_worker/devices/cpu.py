"""CPU with the machine's memory. Exhaustion raises no exception, so memory is not tracked."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn

from renderq_shared.free_memory import free_memory
from renderq_worker.devices.device import DeviceMemory


class CpuDevice:
    """See `Device`."""

    has_own_memory = False

    def __init__(self, device: torch.device) -> None:
        self.torch = device

    @property
    def name(self) -> str:
        return f"{torch.get_num_threads()} CPU threads"

    def free_bytes(self) -> int:
        return free_memory()

    def memory(self) -> DeviceMemory | None:
        return None

    def load(self, component: nn.Module) -> None:
        component.to(self.torch)

    def unload(self, component: nn.Module) -> None: ...

    def select(self) -> None: ...

    def responds(self) -> bool:
        return True

    def tracked(self) -> AbstractContextManager[object]:
        return nullcontext()

    def reset_peak(self) -> None: ...

    def peak_bytes(self) -> int | None:
        return None
