"""Memory of live tensors.

A dispatch mode intercepts every torch operation. Results are counted by storage, so that views count once, until the
storage is freed. Memory inside kernels is not counted. Tensors on torch's meta device count as if they had memory, so
that a model's memory can be measured without running it.
"""

import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter


class MemoryTracker:
    """Live storages and their total bytes. Thread-safe."""

    def __init__(self, limit: int | None = None) -> None:
        self.limit = limit
        self.used_bytes = 0
        self.peak = 0
        self._storages: dict[int, tuple[weakref.ref[Any], int]] = {}
        self._lock = threading.RLock()  # reentrant: a storage may be freed while another one is added

    def add(self, tensor: Tensor) -> None:
        """Count the tensor's storage. Raises `torch.OutOfMemoryError` beyond the limit."""
        storage = tensor.untyped_storage()
        key, size = _key(tensor), storage.nbytes()
        with self._lock:
            if key in self._storages:
                return
            if self.limit is not None and self.used_bytes + size > self.limit:
                raise torch.OutOfMemoryError(
                    f"tried to allocate {size / 1e6:,.1f} MB; {self.used_bytes / 1e6:,.1f} MB of "
                    f"{self.limit / 1e6:,.1f} MB were in use"
                )
            self._storages[key] = weakref.ref(storage, lambda _: self._remove(key)), size
            self.used_bytes += size
            self.peak = max(self.peak, self.used_bytes)

    def remove(self, tensor: Tensor) -> None:
        """Stop counting the tensor's storage."""
        self._remove(_key(tensor))

    def tracking(self) -> "MemoryTrackingMode":
        """Return a context that counts the results of operations on the current thread."""
        return MemoryTrackingMode(self)

    def _remove(self, key: int) -> None:
        with self._lock:
            _, size = self._storages.pop(key, (None, 0))
            self.used_bytes -= size


class MemoryTrackingMode(TorchDispatchMode):
    """Dispatch mode that adds the results of operations to a tracker."""

    def __init__(self, tracker: MemoryTracker) -> None:
        super().__init__()
        self._tracker = tracker

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for value in tree_iter(result):
            if isinstance(value, Tensor):
                self._tracker.add(value)
        return result


def _key(tensor: Tensor) -> int:
    """Return an identifier of the tensor's storage, unique while it is alive."""
    storage: Any = tensor.untyped_storage()
    return storage._cdata


def weights(component: nn.Module) -> list[Tensor]:
    """Return parameters and buffers."""
    return [*component.parameters(), *component.buffers()]
