"""What follows the engine: encode, upload, tell the store. A few threads, so that the device never waits."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import structlog

from renderq.contract import JobErrorCode
from renderq_shared.errors import ObjectStoreUnavailable, StoreUnavailable
from renderq_shared.jobs.protocol import JobStore
from renderq_shared.objects.protocol import ObjectStore
from renderq_worker.engine.events import Rendered
from renderq_worker.operations import Operations
from renderq_worker.output import Encoded, Uploader, encode, recipe_of, recipe_of_all
from renderq_worker.report import Cost, Failure, GridOutput, Output, StoredFile, Warned
from renderq_worker.running_job import RunningJob

log = structlog.get_logger(__name__)

_THREADS = 4
"""Encoding releases the interpreter lock, uploading waits for the network."""
_AWAY_S = 0.5
"""Pause before the end of a job is told again to a store that did not answer."""

_RECIPE_TOO_LARGE = Warned("recipe_too_large", "the recipe does not fit into a JPEG and was left out; use png or webp")

_WATERMARK_FAINT = Warned(
    "watermark_faint", "the watermark cannot be read back from the file; use png, a higher quality, or a shorter text"
)


class Finisher:
    """Takes pictures from the engine to the store, and jobs to their end. Callable from any thread."""

    def __init__(
        self,
        store: JobStore,
        objects: ObjectStore,
        uploader: Uploader,
        operations: Operations,
        closing: threading.Event,
        on_picture: Callable[[RunningJob], None],
        on_end: Callable[[RunningJob], None],
    ) -> None:
        self._store = store
        self._objects = objects
        self._uploader = uploader
        self._operations = operations
        self._closing = closing
        self._on_picture = on_picture
        self._on_end = on_end
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="finisher")

    def take(self, job: RunningJob, rendered: Rendered) -> None:
        """Make a file of this picture and put it into the store; after the last one, end the job."""
        self._pool.submit(self._guarded, self._picture, job, rendered)

    def finish(self, job: RunningJob) -> None:
        """Every image is settled: end the job."""
        self._pool.submit(self._guarded, self._end, job)

    def close(self) -> None:
        """Wait for what is under way; `closing` must be set, so that nobody waits for a store that is away."""
        self._pool.shutdown()

    def _guarded(self, step: Callable[..., None], *args: object) -> None:
        try:
            step(*args)
        except BaseException:
            log.exception("finisher_failed")
            raise

    def _picture(self, job: RunningJob, rendered: Rendered) -> None:
        index = job.index_of(rendered.generation_id)
        if job.is_lost:
            last = job.drop(index)
        else:
            try:
                last = job.succeed(*self._stored(job, index, rendered))
            except Exception as error:
                last = job.fail(index, _failure("picture", error, job))
        if last:
            self._end(job)
        else:
            self._on_picture(job)

    def _stored(self, job: RunningJob, index: int, rendered: Rendered) -> tuple[Output, Cost, list[Warned]]:
        began = time.perf_counter()
        recipe = recipe_of(job.request, index, rendered.stats.model_revision)
        with self._operations.running(f"encoding of {rendered.generation_id}"):
            encoded = encode(rendered.pixels, job.request.output, recipe)
        encoded_at = time.perf_counter()
        if job.request.output.grid:
            job.grid.place(index, rendered.pixels)
        key = f"{job.prefix}{index}.{encoded.extension}"
        self._uploader.put(key, encoded.data, encoded.content_type)
        upload_s = time.perf_counter() - encoded_at
        cost = Cost(rendered.stats, encode_ms=(encoded_at - began) * 1e3, upload_ms=upload_s * 1e3)
        met = ((_RECIPE_TOO_LARGE, encoded.recipe_left_out), (_WATERMARK_FAINT, encoded.watermark_faint))
        warnings = [warning for warning, is_met in met if is_met]
        return Output(index, job.seed_of(index), _file(key, encoded)), cost, warnings

    def _end(self, job: RunningJob) -> None:
        """Whatever happens here, the job is held no longer: without renewals its lease ends."""
        try:
            if job.wants_grid:
                self._grid(job)
            if not self._is_told(job):
                self._forget(job)
        finally:
            self._on_end(job)

    def _grid(self, job: RunningJob) -> None:
        """One more picture, of all that are there: the job succeeds with it or not at all."""
        grid = job.grid
        try:
            with self._operations.running(f"encoding of the grid of {job.held.job_id}"):
                encoded = encode(grid.pixels, job.request.output, recipe_of_all(job.request, job.model_revision))
            key = f"{job.prefix}grid.{encoded.extension}"
            self._uploader.put(key, encoded.data, encoded.content_type)
        except Exception as error:
            job.fail_grid(_failure("grid", error, job))
        else:
            job.add_grid(GridOutput(grid.columns, grid.rows, _file(key, encoded)))

    def _is_told(self, job: RunningJob) -> bool:
        """Tell the store how the job ended, for as long as it takes; whether it is the job's end."""
        outcome = job.outcome()
        while not job.is_lost:
            try:
                with self._operations.running(f"finish of {job.held.job_id}"):
                    finished = self._store.finish(job.held, outcome)
            except StoreUnavailable as error:
                log.warning("finish_not_told", job=job.held.job_id, reason=str(error))
                if self._closing.wait(_AWAY_S):
                    return False
            else:
                if finished.accepted:
                    log.info("job_ended", job=job.held.job_id, status=outcome.status.value)
                return finished.accepted
        return False

    def _forget(self, job: RunningJob) -> None:
        """The job is no longer ours: remove what this claim wrote, unless the job ended with it and shows it."""
        try:
            found = self._store.get(job.record.tenant, job.held.job_id)
            shown = found is not None and found[0].status.is_terminal and found[0].claim_id == job.held.claim_id
            if not shown:
                self._objects.delete_prefix(job.prefix)
        except (StoreUnavailable, ObjectStoreUnavailable) as error:
            log.warning("leftovers_kept", prefix=job.prefix, reason=str(error))
        log.info("job_forgotten", job=job.held.job_id, claim=job.held.claim_id)


def _failure(what: str, error: Exception, job: RunningJob) -> Failure:
    """Why `what` is not in the store."""
    if isinstance(error, ObjectStoreUnavailable):
        message = f"the object store did not take the {what}: {error}"
        return Failure(JobErrorCode.STORAGE_FAILED, message, retryable=True)
    log.error("picture_failed", job=job.held.job_id, what=what, exc_info=error)
    message = f"the {what} could not be written: {type(error).__name__}: {error}"
    return Failure(JobErrorCode.INTERNAL, message, retryable=False)


def _file(key: str, encoded: Encoded) -> StoredFile:
    return StoredFile(
        key=key,
        content_type=encoded.content_type,
        width=encoded.width,
        height=encoded.height,
        size_bytes=len(encoded.data),
        sha256=encoded.sha256,
        pixel_sha256=encoded.pixel_sha256,
    )
