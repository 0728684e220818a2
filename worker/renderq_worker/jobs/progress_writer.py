"""Writes the progress of running jobs on a thread of its own, so that the engine never waits for Redis."""

import threading
import time
from collections.abc import Callable
from weakref import WeakKeyDictionary

import structlog

from renderq_shared.errors import StoreUnavailable
from renderq_shared.jobs import commands
from renderq_shared.jobs.claim_records import FenceResult
from renderq_shared.jobs.store import JobStore
from renderq_shared.outage import Outage
from renderq_shared.threads import SupervisedThread
from renderq_worker.jobs.running_job import RunningJob

log = structlog.get_logger(__name__)

_MIN_INTERVAL_S = 0.2
"""Minimum time between two writes of a job's steps; the latest value wins."""
_BURST_S = 0.02
"""Delay before an urgent write, so that changes in quick succession share one."""
_RETRY_DELAY_S = 1.0
"""Delay after a write that the store did not answer."""


class ProgressWriter:
    """Writes complete snapshots: at most one per job and 200 ms, but a new stage or image at once."""

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._due: dict[RunningJob, float] = {}
        """Job → monotonic time of its next write."""
        self._written: WeakKeyDictionary[RunningJob, float] = WeakKeyDictionary()
        """Job → monotonic time of its last write."""
        self._changed = threading.Condition()
        self._is_closing = False
        self._thread: threading.Thread | None = None

    def start(
        self, on_fence_result: Callable[[RunningJob, FenceResult], None], on_viewers: Callable[[RunningJob], None]
    ) -> None:
        """Start the thread.

        `on_fence_result` is called when a write finds the job canceled or lost, `on_viewers` when its previews have
        viewers.
        """
        self._thread = SupervisedThread("progress", lambda: self._run(on_fence_result, on_viewers))
        self._thread.start()

    def close(self) -> None:
        """Stop the thread. Scheduled writes are dropped: by now the jobs have ended or been released."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def schedule(self, job: RunningJob, *, at_once: bool) -> None:
        """Schedule a write of the job's progress. Quick; callable from any thread."""
        now = time.monotonic()
        with self._changed:
            due = now + _BURST_S if at_once else max(now, self._written.get(job, 0.0) + _MIN_INTERVAL_S)
            if due < self._due.get(job, float("inf")):
                self._due[job] = due
                self._changed.notify()

    def _run(
        self, on_fence_result: Callable[[RunningJob, FenceResult], None], on_viewers: Callable[[RunningJob], None]
    ) -> None:
        outage = Outage()
        while (job := self._next()) is not None:
            if job.is_ended or job.is_lost:
                continue
            try:
                result = self._store.call(commands.progress(job.claim_ref, job.update()))
            except StoreUnavailable as error:
                if outage.has_new_cause(error):
                    with job.log_context():
                        log.warning("progress.write_failed", reason=str(error))
                self._reschedule(job)
            else:
                outage.end()
                if result.fence is not FenceResult.HELD:
                    on_fence_result(job, result.fence)
                if result.has_preview_viewers:
                    on_viewers(job)

    def _next(self) -> RunningJob | None:
        """Wait for the next job that is due; return `None` when closing."""
        with self._changed:
            while not self._is_closing:
                job = min(self._due, key=self._due.__getitem__, default=None)
                wait_s = None if job is None else self._due[job] - time.monotonic()
                if job is not None and wait_s is not None and wait_s <= 0:
                    del self._due[job]
                    self._written[job] = time.monotonic()
                    return job
                self._changed.wait(wait_s)
            return None

    def _reschedule(self, job: RunningJob) -> None:
        with self._changed:
            self._due.setdefault(job, time.monotonic() + _RETRY_DELAY_S)
