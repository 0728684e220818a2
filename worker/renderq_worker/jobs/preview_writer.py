"""Requests previews from the engine while a job has viewers, and publishes them on a thread of its own."""

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
from renderq_shared.threads import SupervisedThread
from renderq_worker.engine import EngineProtocol, Previewed
from renderq_worker.jobs.running_job import RunningJob
from renderq_worker.output.preview_encoding import CONTENT_TYPE, encode_preview

log = structlog.get_logger(__name__)

_MIN_INTERVAL_S = 0.5
"""Minimum time between two preview requests of one job."""

_PendingPreview: TypeAlias = tuple[RunningJob, Previewed]


class PreviewWriter:
    """Publishes the newest preview of each image; a newer one replaces one that still waits."""

    def __init__(self, store: JobStore, engine: EngineProtocol) -> None:
        self._store = store
        self._engine = engine
        self._last_requested: WeakKeyDictionary[RunningJob, float] = WeakKeyDictionary()
        """Job → monotonic time."""
        self._pending: dict[str, _PendingPreview] = {}
        """Generation id → preview, oldest first."""
        self._changed = threading.Condition()
        self._is_closing = False
        self._thread = SupervisedThread("previews", self._run)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Stop the thread; pending previews are dropped."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        self._thread.join()

    def request_preview(self, job: RunningJob) -> None:
        """Request a preview of each image of the job, if the last request is old enough. Quick; not thread-safe."""
        now = time.monotonic()
        if not job.is_stopped and now - self._last_requested.get(job, -_MIN_INTERVAL_S) >= _MIN_INTERVAL_S:
            self._last_requested[job] = now
            self._engine.preview(job.generation_ids)

    def publish(self, job: RunningJob, previewed: Previewed) -> None:
        """Enqueue a preview. Quick; callable from any thread."""
        with self._changed:
            self._pending[previewed.generation_id] = (job, previewed)
            self._changed.notify()

    def _run(self) -> None:
        while (pending := self._next()) is not None:
            job, previewed = pending
            if job.is_stopped or job.is_ended:
                continue
            with job.log_context():
                self._publish(job, previewed)

    def _publish(self, job: RunningJob, previewed: Previewed) -> None:
        try:
            preview_json = _preview(job, previewed).model_dump_json()
            self._store.call(commands.publish_preview(job.claim_ref, preview_json))
        except StoreUnavailable as error:
            log.warning("preview.publish_failed", reason=str(error))
        except Exception:
            log.exception("preview.failed")

    def _next(self) -> _PendingPreview | None:
        """Wait for the next pending preview; return `None` when closing."""
        with self._changed:
            self._changed.wait_for(lambda: self._pending or self._is_closing)
            return None if self._is_closing else self._pending.pop(next(iter(self._pending)))


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
