"""What the engine asks of a device."""

from contextlib import AbstractContextManager
from typing import Protocol

import torch
from torch import nn


class Device(Protocol):
    """Where weights and images are while they are computed with."""

    @property
    def torch(self) -> torch.device: ...

    @property
    def name(self) -> str:
        """What measurements depend on: kind, speed, memory."""
        ...

    @property
    def has_own_memory(self) -> bool:
        """Whether weights that are not used can wait elsewhere, in the machine's memory."""
        ...

    def free_bytes(self) -> int:
        """What may be taken now. Raises `RuntimeError` where nobody tells."""
        ...

    def load(self, component: nn.Module) -> None:
        """Bring its weights here. Raises `torch.OutOfMemoryError`."""
        ...

    def unload(self, component: nn.Module) -> None:
        """Take its weights to the machine's memory."""
        ...

    def tracked(self) -> AbstractContextManager[object]:
        """Around all computing on the current thread."""
        ...

    def reset_peak(self) -> None:
        """Measure `peak_bytes` from here on."""
        ...

    def peak_bytes(self) -> int | None:
        """Most memory in use since `reset_peak`; None where the device does not count it."""
        ...
