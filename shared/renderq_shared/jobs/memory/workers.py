"""The in-memory store's list of live workers."""

from collections.abc import Callable
from dataclasses import replace

from renderq_shared.jobs.records import WorkerRecord


class WorkerTable:
    """Workers that described themselves lately."""

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self._clock_ms = clock_ms
        self._listed: dict[str, tuple[WorkerRecord, int]] = {}

    def register(self, worker: WorkerRecord, ttl_ms: int) -> None:
        now = self._clock_ms()
        before = {listed.id: listed for listed in self.live()}.get(worker.id)
        started = before.started_ms if before else now
        self._listed[worker.id] = (replace(worker, started_ms=started, seen_ms=now), now + ttl_ms)

    def unregister(self, worker_id: str) -> None:
        self._listed.pop(worker_id, None)

    def live(self) -> tuple[WorkerRecord, ...]:
        """By id."""
        now = self._clock_ms()
        return tuple(worker for _, (worker, until) in sorted(self._listed.items()) if until > now)

    def serves(self, model: str) -> bool:
        """Whether a live worker takes the model's jobs."""
        return bool(self.serving(model))

    def serving(self, model: str) -> list[str]:
        """Ids of the live workers that take the model's jobs; a draining one takes none."""
        return [worker.id for worker in self.live() if model in worker.models and not worker.draining]
