"""Interface of a device to models and engine."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import nn


@dataclass(frozen=True, slots=True)
class DeviceMemory:
    """Memory on a device, in bytes."""

    used: int
    """Held by this process, including torch's cache."""
    total: int
    """Limit of this process."""


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

    def memory(self) -> DeviceMemory | None:
        """Return the memory of a device that has its own. Thread-safe; does not wait for computations."""
        ...

    def load(self, component: nn.Module) -> None:
        """Move its weights to the device. Raises `torch.OutOfMemoryError`."""
        ...

    def unload(self, component: nn.Module) -> None:
        """Move its weights to the machine's memory."""
        ...

    def select(self) -> None:
        """Make it the current device of this thread."""
        ...

    def responds(self) -> bool:
        """Return whether a small computation succeeds."""
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
