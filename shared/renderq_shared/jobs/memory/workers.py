"""Live workers of the in-memory store."""

from collections.abc import Callable
from dataclasses import replace

from renderq_shared.jobs.records import WorkerRecord


class WorkerTable:
    """Registered workers until their TTL ends. The caller serializes calls."""

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self._now_ms = clock_ms
        self._registered: dict[str, tuple[WorkerRecord, int]] = {}
        self._told_to_drain: set[str] = set()

    def register(self, worker: WorkerRecord, ttl_ms: int) -> bool:
        """Return whether the worker was told to drain."""
        now = self._now_ms()
        before = self._find(worker.id)
        if before is None or before.run_id != worker.run_id:
            self.unregister(worker.id)
            before = None
        is_drained = worker.id in self._told_to_drain
        record = replace(
            worker,
            started_ms=before.started_ms if before else now,
            seen_ms=now,
            draining=worker.draining or is_drained,
        )
        self._registered[worker.id] = (record, now + ttl_ms)
        return is_drained

    def drain(self, worker_id: str) -> WorkerRecord | None:
        """Tell a live worker to drain; return it."""
        worker = self._find(worker_id)
        if worker is None:
            return None
        drained = replace(worker, draining=True)
        self._registered[worker_id] = (drained, self._registered[worker_id][1])
        self._told_to_drain.add(worker_id)
        return drained

    def unregister(self, worker_id: str) -> None:
        self._registered.pop(worker_id, None)
        self._told_to_drain.discard(worker_id)

    def live(self) -> tuple[WorkerRecord, ...]:
        """Return the live workers, sorted by id."""
        now = self._now_ms()
        return tuple(worker for _, (worker, until) in sorted(self._registered.items()) if until > now)

    def is_told_to_drain(self, worker_id: str) -> bool:
        return worker_id in self._told_to_drain and self._find(worker_id) is not None

    def serves(self, model: str) -> bool:
        """Return whether a live worker serves the model."""
        return bool(self.serving(model))

    def serving(self, model: str) -> list[str]:
        """Return the ids of live workers that serve the model. A draining worker serves none."""
        return [worker.id for worker in self.live() if model in worker.models and not worker.draining]

    def _find(self, worker_id: str) -> WorkerRecord | None:
        """Return a live worker."""
        worker, until = self._registered.get(worker_id, (None, 0))
        return worker if until > self._now_ms() else None
