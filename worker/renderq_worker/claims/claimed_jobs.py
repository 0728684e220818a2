"""The jobs that this worker holds: claimed, and not yet ended."""

import threading
from collections.abc import Callable

from renderq_worker.jobs.running_job import RunningJob


class ClaimedJobs:
    """A set of jobs, and a count of the changes that may let another one in. Thread-safe."""

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
        """The job has ended."""
        with self._changed:
            job.end()
            self._jobs.pop(job.claim_ref.claim_id, None)
        self.notify()

    @property
    def changes(self) -> int:
        """Grows with every job that ended and every call of `change`."""
        return self._changes

    def notify(self) -> None:
        """Something else happened that may let a job in, or should make a waiting slot look up."""
        with self._changed:
            self._changes += 1
            self._changed.notify_all()
        for callback in self._on_change:
            callback()

    def on_change(self, callback: Callable[[], None]) -> None:
        """Call this, on whatever thread, after every change that is counted."""
        self._on_change.append(callback)

    def wait_for_change(self, changes: int) -> None:
        """Return once `changes` is past."""
        with self._changed:
            self._changed.wait_for(lambda: self._changes > changes)

    def wait_until_empty(self, timeout_s: float) -> bool:
        """Whether no job is held before the time is over."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._jobs, timeout_s)
