"""Live workers of the in-memory store."""

from collections.abc import Callable
from dataclasses import replace

from renderq_shared.jobs.records import WorkerRecord


class WorkerTable:
    """Registered workers until their TTL ends. The caller serializes calls."""

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self._now_ms = clock_ms
        self._registered: dict[str, tuple[WorkerRecord, int]] = {}

    def register(self, worker: WorkerRecord, ttl_ms: int) -> None:
        now = self._now_ms()
        before = {known.id: known for known in self.live()}.get(worker.id)
        started = before.started_ms if before else now
        self._registered[worker.id] = (replace(worker, started_ms=started, seen_ms=now), now + ttl_ms)

    def unregister(self, worker_id: str) -> None:
        self._registered.pop(worker_id, None)

    def live(self) -> tuple[WorkerRecord, ...]:
        """Return the live workers, sorted by id."""
        now = self._now_ms()
        return tuple(worker for _, (worker, until) in sorted(self._registered.items()) if until > now)

    def serves(self, model: str) -> bool:
        """Return whether a live worker serves the model."""
        return bool(self.serving(model))

    def serving(self, model: str) -> list[str]:
        """Return the ids of live workers that serve the model. A draining worker serves none."""
        return [worker.id for worker in self.live() if model in worker.models and not worker.draining]
