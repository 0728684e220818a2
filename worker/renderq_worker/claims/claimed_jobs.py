"""The jobs that this worker has claimed and not yet ended."""

import threading
from collections.abc import Callable

from renderq_worker.jobs.running_job import RunningJob


class ClaimedJobs:
    """Set of claimed jobs, with a counter of changes that may allow another claim. Thread-safe."""

    def __init__(self) -> None:
        self._jobs: dict[str, RunningJob] = {}
        self._changes = 0
        self._changed = threading.Condition()
        self._on_change: list[Callable[[], None]] = []

    def __len__(self) -> int:
        return len(self._jobs)

    def snapshot(self) -> tuple[RunningJob, ...]:
        with self._changed:
            return tuple(self._jobs.values())

    def by_claim(self, claim_id: str) -> RunningJob | None:
        return self._jobs.get(claim_id)

    def add(self, job: RunningJob) -> None:
        with self._changed:
            self._jobs[job.claim_ref.claim_id] = job

    def remove(self, job: RunningJob) -> None:
        """Remove a job and mark it as ended."""
        with self._changed:
            job.end()
            self._jobs.pop(job.claim_ref.claim_id, None)
        self.notify()

    @property
    def changes(self) -> int:
        """Counter of removed jobs and calls of `notify`."""
        return self._changes

    def notify(self) -> None:
        """Count a change outside this set, such as freed slots or shutdown, and wake waiting threads."""
        with self._changed:
            self._changes += 1
            self._changed.notify_all()
        for callback in self._on_change:
            callback()

    def on_change(self, callback: Callable[[], None]) -> None:
        """Call `callback` after every counted change, on the thread that made it."""
        self._on_change.append(callback)

    def wait_for_change(self, changes: int) -> None:
        """Return once the counter exceeds `changes`."""
        with self._changed:
            self._changed.wait_for(lambda: self._changes > changes)

    def wait_until_empty(self, timeout_s: float | None = None) -> bool:
        """Return whether all jobs ended within `timeout_s`; `None`: wait as long as it takes."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._jobs, timeout_s)
