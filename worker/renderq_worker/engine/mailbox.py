"""Requests in and events out, between other threads and the engine thread. No torch."""

import threading
from collections.abc import Callable, Collection, Sequence
from typing import TypeAlias

import structlog

from renderq_worker.engine.errors import DuplicateGeneration, EngineClosed
from renderq_worker.engine.events import Canceled, Event, Failed, Rendered
from renderq_worker.engine.generation import GenerationSpec

Listener: TypeAlias = Callable[[Event], None]

log = structlog.get_logger(__name__)


class Mailbox:
    """Requests and listeners of the generations in flight, from submission to end.

    `submit`, `cancel`, `preview`, `close` and `in_flight` may be called from any thread; the rest from the engine's.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._listeners: dict[str, Listener] = {}
        self._submissions: list[GenerationSpec] = []
        self._cancellations: list[str] = []
        self._previews: dict[str, None] = {}
        """Generations with a requested preview, oldest request first; used as an ordered set."""
        self._closed = False

    @property
    def is_closed(self) -> bool:
        return self._closed

    @property
    def in_flight(self) -> int:
        """Number of generations that were submitted and have not ended."""
        return len(self._listeners)

    def submit(self, specs: Sequence[GenerationSpec], listener: Listener) -> None:
        """Add all of these or none. Raises `EngineClosed` or `DuplicateGeneration`."""
        with self._changed:
            if self._closed:
                raise EngineClosed("the engine is closed and accepts no more work")
            ids = [spec.id for spec in specs]
            if len(set(ids)) != len(ids) or not self._listeners.keys().isdisjoint(ids):
                raise DuplicateGeneration(f"an id is already in the engine, or twice in this call: {', '.join(ids)}")
            self._listeners.update(dict.fromkeys(ids, listener))
            self._submissions.extend(specs)
            self._changed.notify()

    def cancel(self, ids: Collection[str]) -> None:
        """Request cancellation; ids that are not in flight are ignored."""
        with self._changed:
            self._cancellations.extend(id for id in ids if id in self._listeners)
            self._changed.notify()

    def preview(self, ids: Collection[str]) -> None:
        """Request one preview each; ids that are not in flight are ignored."""
        with self._changed:
            self._previews.update((id, None) for id in ids if id in self._listeners)

    def close(self) -> None:
        """Refuse further submissions and wake the engine thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def drain(self) -> tuple[list[GenerationSpec], list[str]]:
        """Return submissions and cancellations since the last call."""
        with self._changed:
            submissions, self._submissions = self._submissions, []
            cancellations, self._cancellations = self._cancellations, []
        return submissions, cancellations

    def pending_previews(self, ids: Collection[str]) -> tuple[str, ...]:
        """Return those with a requested preview, oldest request first."""
        with self._changed:
            return tuple(id for id in self._previews if id in ids)

    def discard_preview_request(self, id: str) -> None:
        """Remove the request, because it was fulfilled or cannot be."""
        with self._changed:
            self._previews.pop(id, None)

    def wait(self) -> None:
        """Wait for a submission, a cancellation or `close`."""
        with self._changed:
            self._changed.wait_for(lambda: self._submissions or self._cancellations or self._closed)

    def emit(self, event: Event) -> None:
        """Call the listener. The first final event of a generation is its last; later events are dropped."""
        listener = self._listener_for(event)
        if listener is None:
            return
        try:
            listener(event)
        except Exception:
            log.exception("listener.failed", generation_id=event.generation_id, engine_event=type(event).__name__)

    def emit_to_all(self, ending: Callable[[str], Event]) -> None:
        """Emit `ending(id)` for every generation in flight."""
        for id in list(self._listeners):
            self.emit(ending(id))

    def _listener_for(self, event: Event) -> Listener | None:
        id = event.generation_id
        if not isinstance(event, Rendered | Failed | Canceled):
            return self._listeners.get(id)
        with self._changed:
            # A late cancellation must not hit a later generation with the same id.
            self._cancellations = [canceled for canceled in self._cancellations if canceled != id]
            self._previews.pop(id, None)
            return self._listeners.pop(id, None)
