"""Interface of a device to models and engine."""

from contextlib import AbstractContextManager
from typing import Protocol

import torch
from torch import nn


class Device(Protocol):
    """A device that holds weights and latents during computation."""

    @property
    def torch(self) -> torch.device: ...

    @property
    def name(self) -> str:
        """Everything that measurements depend on: kind, speed, memory."""
        ...

    @property
    def has_own_memory(self) -> bool:
        """Whether unused weights can be offloaded to the machine's memory."""
        ...

    def free_bytes(self) -> int:
        """Return the available memory. Raises `RuntimeError` if it is unknown."""
        ...

    def load(self, component: nn.Module) -> None:
        """Move its weights to the device. Raises `torch.OutOfMemoryError`."""
        ...

    def unload(self, component: nn.Module) -> None:
        """Move its weights to the machine's memory."""
        ...

    def tracked(self) -> AbstractContextManager[object]:
        """Return a context for all computation on the current thread, which tracks memory where needed."""
        ...

    def reset_peak(self) -> None:
        """Restart the measurement of `peak_bytes`."""
        ...

    def peak_bytes(self) -> int | None:
        """Return peak memory since `reset_peak`; None where the device does not count it."""
        ...
