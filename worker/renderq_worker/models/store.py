"""Residency of models: loaded on demand, least recently used evicted first, within a memory budget."""

import gc
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Generic, TypeVar

from renderq_shared.catalog import ModelEntry
from renderq_worker.models.errors import ModelLoadFailed, ModelUnknown

M = TypeVar("M")
_GIB = 1024**3


class ModelStore(Generic[M]):
    """Models that a worker serves, some of them resident.

    Only the engine thread loads, gets and evicts; `resident` and `peek` are thread-safe.
    """

    def __init__(
        self,
        entries: Iterable[ModelEntry],
        load: Callable[[ModelEntry], M],
        *,
        size_of: Callable[[ModelEntry], int],
        budget_bytes: int,
    ) -> None:
        self._entries: Mapping[str, ModelEntry] = {entry.name: entry for entry in entries}
        self._load = load
        self._size_of = size_of
        self._budget = budget_bytes
        self._models: dict[str, M] = {}
        self._sizes: dict[str, int] = {}
        self._used: tuple[str, ...] = ()

    @property
    def resident(self) -> tuple[str, ...]:
        """Names of the models in memory, least recently used first."""
        return self._used

    def entry(self, name: str) -> ModelEntry:
        """Return a model's catalog entry. Raises `ModelUnknown` if this worker does not serve it."""
        try:
            return self._entries[name]
        except KeyError:
            served = ", ".join(self._entries) or "none"
            raise ModelUnknown(f"model {name!r} is not served here; this worker serves {served}") from None

    def get(self, name: str) -> M:
        """Return a resident model and make it the most recently used one."""
        model = self._models[name]
        self._used = (*(other for other in self._used if other != name), name)
        return model

    def peek(self, name: str) -> M | None:
        """Return a model without using it; None if it is not resident."""
        return self._models.get(name)

    def load(self, name: str, in_use: Collection[str] = ()) -> M:
        """Load a model unless it is resident; models `in_use` are evicted only after all idle ones.

        Raises `ModelUnknown`, `ModelLoadFailed`, or the device's error when its memory is exhausted. A failed load
        leaves nothing behind and may be retried.
        """
        if name not in self._models:
            entry = self.entry(name)
            size = self._size_of(entry)
            self._evict_for(entry, size, in_use)
            self._models[name] = self._load(entry)
            self._sizes[name] = size
        return self.get(name)

    def evict(self, name: str) -> None:
        """Remove a resident model from memory."""
        self._used = tuple(other for other in self._used if other != name)
        del self._models[name], self._sizes[name]
        gc.collect()  # models contain reference cycles

    def _evict_for(self, entry: ModelEntry, size: int, in_use: Collection[str]) -> None:
        if size > self._budget:
            raise ModelLoadFailed(
                f"model {entry.name!r} needs about {size / _GIB:.1f} GiB and models may use "
                f"{self._budget / _GIB:.1f} GiB; raise RENDERQ_MODEL_MEMORY_GB, choose a smaller dtype, or set "
                "RENDERQ_MEMORY_MODE=low"
            )
        candidates = sorted(self._used, key=lambda name: name in in_use)
        while sum(self._sizes.values()) + size > self._budget:
            self.evict(candidates.pop(0))
