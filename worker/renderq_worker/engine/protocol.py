"""What the worker asks of an engine: the real one and the simulated one offer it."""

from collections.abc import Callable, Sequence
from typing import Protocol

from renderq_worker.engine.events import Event
from renderq_worker.engine.generation import GenerationSpec
from renderq_worker.engine.health import EngineHealth


class EngineProtocol(Protocol):
    """Advances images step by step on a thread of its own. Every method may be called from any thread."""

    def start(self) -> None: ...

    def submit(self, specs: Sequence[GenerationSpec], listener: Callable[[Event], None]) -> None:
        """Take images. The listener is called on the engine's thread and must be quick; one event ends each image."""
        ...

    def cancel(self, generation_ids: Sequence[str]) -> None:
        """End these before their next step; ids that are not in the engine are ignored."""
        ...

    def preview(self, generation_ids: Sequence[str]) -> None:
        """Tell once, after a step to come, what each of these looks like so far, if that can be had quickly."""
        ...

    def free_slots(self, model: str) -> int:
        """Images of this model that could be stepped at once, together with those in flight; 0 or less: none."""
        ...

    def on_slots_freed(self, callback: Callable[[], None]) -> None:
        """Call back, on the engine's thread, whenever room has grown."""
        ...

    def is_empty(self) -> bool: ...

    def resident_models(self) -> tuple[str, ...]:
        """Models in memory."""
        ...

    @property
    def health(self) -> EngineHealth: ...

    def close(self) -> None:
        """Cancel what is left and end the thread."""
        ...
