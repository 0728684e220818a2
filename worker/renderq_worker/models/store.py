"""Which models are in memory: loaded on demand, the least recently used ones leave when the budget is spent."""

import gc
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Generic, TypeVar

from renderq_shared.catalog import ModelEntry
from renderq_worker.models.errors import ModelLoadFailed, ModelUnknown

M = TypeVar("M")
_GIB = 1024**3


class ModelStore(Generic[M]):
    """The models that a worker serves, and those of them that are resident.

    One thread (the engine's) loads, gets and evicts; `resident` and `peek` may be used from any thread.
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
        """Raises `ModelUnknown` for a name that this worker does not serve."""
        try:
            return self._entries[name]
        except KeyError:
            served = ", ".join(self._entries) or "none"
            raise ModelUnknown(f"model {name!r} is not served here; this worker serves {served}") from None

    def get(self, name: str) -> M:
        """A resident model, which becomes the most recently used one."""
        model = self._models[name]
        self._used = (*(other for other in self._used if other != name), name)
        return model

    def peek(self, name: str) -> M | None:
        """The same without using it; None for one that is not in memory."""
        return self._models.get(name)

    def load(self, name: str, in_use: Collection[str] = ()) -> M:
        """Bring a model into memory; models that are `in_use` leave only after all idle ones did.

        Raises `ModelUnknown`, `ModelLoadFailed`, or what the device raises when its memory is exhausted. A failed
        load leaves nothing behind and may be tried again.
        """
        if name not in self._models:
            entry = self.entry(name)
            size = self._size_of(entry)
            self._make_room(entry, size, in_use)
            self._models[name] = self._load(entry)
            self._sizes[name] = size
        return self.get(name)

    def evict(self, name: str) -> None:
        """Let a resident model leave memory."""
        self._used = tuple(other for other in self._used if other != name)
        del self._models[name], self._sizes[name]
        gc.collect()  # models hold themselves in reference cycles

    def _make_room(self, entry: ModelEntry, size: int, in_use: Collection[str]) -> None:
        if size > self._budget:
            raise ModelLoadFailed(
                f"model {entry.name!r} needs about {size / _GIB:.1f} GiB and models may use "
                f"{self._budget / _GIB:.1f} GiB; raise RENDERQ_MODEL_MEMORY_GB, choose a smaller dtype, or let "
                "RENDERQ_MEMORY_MODE be low"
            )
        leaving = sorted(self._used, key=lambda name: name in in_use)
        while sum(self._sizes.values()) + size > self._budget:
            self.evict(leaving.pop(0))
