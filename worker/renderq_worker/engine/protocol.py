"""Interface of an engine, real or simulated, to the rest of the worker."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from renderq_worker.engine.events import Event
from renderq_worker.engine.generation import GenerationSpec
from renderq_worker.engine.health import EngineHealth
from renderq_worker.engine.operation import OperationListener

if TYPE_CHECKING:
    from renderq_worker.devices import DeviceMemory


class EngineProtocol(Protocol):
    """Renders images step by step on a thread of its own. All methods are thread-safe."""

    def start(self) -> None: ...

    def submit(self, specs: Sequence[GenerationSpec], listener: Callable[[Event], None]) -> None:
        """Start these images. `listener` is called on the engine thread and must be fast; one final event per image."""
        ...

    def cancel(self, generation_ids: Sequence[str]) -> None:
        """Cancel these before their next step; ids that are not in flight are ignored."""
        ...

    def preview(self, generation_ids: Sequence[str]) -> None:
        """Request one `Previewed` for each of these after one of their next steps, if the model can make it fast."""
        ...

    def free_slots(self, model: str) -> int:
        """Return how many more images of this model fit into a batch with those in flight; 0 or less: none."""
        ...

    def on_slots_freed(self, callback: Callable[[], None]) -> None:
        """Call this on the engine thread whenever `free_slots` may have grown."""
        ...

    def on_operation(self, listener: OperationListener) -> None:
        """Call this on the engine thread after each operation."""
        ...

    def is_empty(self) -> bool: ...

    def resident_models(self) -> tuple[str, ...]:
        """Return the names of the models in memory."""
        ...

    def resident_loras(self) -> Mapping[str, tuple[str, ...]]:
        """Return the LoRAs in memory by model."""
        ...

    def device_memory(self) -> "DeviceMemory | None":
        """Return the memory of a device that has its own. Does not wait for computations."""
        ...

    @property
    def health(self) -> EngineHealth: ...

    def close(self) -> None:
        """Cancel all images in flight and end the thread."""
        ...
