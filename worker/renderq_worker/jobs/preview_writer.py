"""Previews of running jobs, asked of the engine while somebody looks, and shown from a thread of their own."""

import base64
import threading
import time
from typing import TypeAlias
from weakref import WeakKeyDictionary

import structlog

from renderq.contract import Preview
from renderq_shared.errors import StoreUnavailable
from renderq_shared.jobs import commands
from renderq_shared.jobs.store import JobStore
from renderq_worker.engine import EngineProtocol, Previewed
from renderq_worker.jobs.running_job import RunningJob
from renderq_worker.output.preview import CONTENT_TYPE, encode_preview

log = structlog.get_logger(__name__)

_MIN_INTERVAL_S = 0.5
"""Least time between two wishes for previews of one job."""

_Due: TypeAlias = tuple[RunningJob, Previewed]


class PreviewWriter:
    """Shows the newest preview of each image; one that is late for its successor is never shown."""

    def __init__(self, store: JobStore, engine: EngineProtocol) -> None:
        self._store = store
        self._engine = engine
        self._last_requested: WeakKeyDictionary[RunningJob, float] = WeakKeyDictionary()
        """Monotonic times."""
        self._due: dict[str, _Due] = {}
        """By generation, who has waited longest first."""
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="previews", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """End the thread; what is due is not shown."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def request_preview(self, job: RunningJob) -> None:
        """Somebody looks at this job. Quick; from one thread only."""
        now = time.monotonic()
        if not job.is_stopped and now - self._last_requested.get(job, -_MIN_INTERVAL_S) >= _MIN_INTERVAL_S:
            self._last_requested[job] = now
            self._engine.preview(job.generation_ids)

    def publish(self, job: RunningJob, previewed: Previewed) -> None:
        """Show this. Quick; callable from any thread."""
        with self._changed:
            self._due[previewed.generation_id] = (job, previewed)
            self._changed.notify()

    def _run(self) -> None:
        while (due := self._next()) is not None:
            job, previewed = due
            if job.is_stopped or job.is_ended:
                continue
            try:
                self._store.call(commands.publish_preview(job.claim_ref, _preview(job, previewed).model_dump_json()))
            except StoreUnavailable as error:
                log.warning("preview_not_shown", job=job.claim_ref.job_id, reason=str(error))
            except Exception:
                log.exception("preview_failed", job=job.claim_ref.job_id)

    def _next(self) -> _Due | None:
        """Wait for what is to be shown; `None` when closing."""
        with self._changed:
            self._changed.wait_for(lambda: self._due or self._closing)
            return None if self._closing else self._due.pop(next(iter(self._due)))


def _preview(job: RunningJob, previewed: Previewed) -> Preview:
    height, width, _ = previewed.pixels.shape
    return Preview(
        index=job.index_of(previewed.generation_id),
        step=previewed.step,
        steps=previewed.steps,
        content_type=CONTENT_TYPE,
        width=width,
        height=height,
        data=base64.b64encode(encode_preview(previewed.pixels)),
    )
