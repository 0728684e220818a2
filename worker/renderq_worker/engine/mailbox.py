"""Where other threads meet the engine thread: requests come in, events go out. No torch."""

import threading
from collections.abc import Callable, Collection, Sequence
from typing import TypeAlias

import structlog

from renderq_worker.engine.errors import DuplicateGeneration, EngineClosed
from renderq_worker.engine.events import Canceled, Event, Failed, Rendered
from renderq_worker.engine.generation import GenerationSpec

Listener: TypeAlias = Callable[[Event], None]

_log = structlog.get_logger(__name__)


class Mailbox:
    """Knows who listens to each generation from its submission to its end, so it can tell how many are in flight.

    `submit`, `cancel`, `preview`, `close` and `in_flight` may be called from any thread; the rest from the engine's.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._listeners: dict[str, Listener] = {}
        self._arrivals: list[GenerationSpec] = []
        self._cancellations: list[str] = []
        self._previews: dict[str, None] = {}
        """Generations of which a preview is wanted, in the order of the wishes."""
        self._closed = False

    @property
    def is_closed(self) -> bool:
        return self._closed

    @property
    def in_flight(self) -> int:
        """Generations that were submitted and have not ended."""
        return len(self._listeners)

    def submit(self, specs: Sequence[GenerationSpec], listener: Listener) -> None:
        """Raises `EngineClosed`, or `DuplicateGeneration` without taking any of them."""
        with self._changed:
            if self._closed:
                raise EngineClosed("the engine is closed and takes no more work")
            ids = [spec.id for spec in specs]
            if len(set(ids)) != len(ids) or not self._listeners.keys().isdisjoint(ids):
                raise DuplicateGeneration(f"an id is already in the engine, or twice in one call: {', '.join(ids)}")
            self._listeners.update(dict.fromkeys(ids, listener))
            self._arrivals.extend(specs)
            self._changed.notify()

    def cancel(self, ids: Collection[str]) -> None:
        """Ids that are not in flight are ignored."""
        with self._changed:
            self._cancellations.extend(id for id in ids if id in self._listeners)
            self._changed.notify()

    def preview(self, ids: Collection[str]) -> None:
        """Ids that are not in flight are ignored."""
        with self._changed:
            self._previews.update((id, None) for id in ids if id in self._listeners)

    def close(self) -> None:
        """Take no more submissions and end the waiting."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def drain(self) -> tuple[list[GenerationSpec], list[str]]:
        """Arrivals and cancellations since the last call."""
        with self._changed:
            arrivals, self._arrivals = self._arrivals, []
            cancellations, self._cancellations = self._cancellations, []
        return arrivals, cancellations

    def pending_previews(self, ids: Collection[str]) -> tuple[str, ...]:
        """Those of which a preview is wanted; who has waited longest comes first."""
        with self._changed:
            return tuple(id for id in self._previews if id in ids)

    def discard_preview_request(self, id: str) -> None:
        """The wish for a preview is fulfilled, or cannot be."""
        with self._changed:
            self._previews.pop(id, None)

    def wait(self) -> None:
        """Until there is something to take, or the mailbox is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._arrivals or self._cancellations or self._closed)

    def emit(self, event: Event) -> None:
        """Tell the listener. The first event that ends a generation is its last; whatever comes later is dropped."""
        listener = self._listener_for(event)
        if listener is None:
            return
        try:
            listener(event)
        except Exception:
            _log.exception("a listener raised", generation_id=event.generation_id, engine_event=type(event).__name__)

    def emit_to_all(self, ending: Callable[[str], Event]) -> None:
        """Deliver `ending(id)` to everyone in flight."""
        for id in list(self._listeners):
            self.emit(ending(id))

    def _listener_for(self, event: Event) -> Listener | None:
        id = event.generation_id
        if not isinstance(event, Rendered | Failed | Canceled):
            return self._listeners.get(id)
        with self._changed:
            # A cancellation that comes too late must not meet a later generation of the same id.
            self._cancellations = [canceled for canceled in self._cancellations if canceled != id]
            self._previews.pop(id, None)
            return self._listeners.pop(id, None)
