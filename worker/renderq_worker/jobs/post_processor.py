"""What follows the engine: encode, upload, tell the store. A few threads, so that the device never waits."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import structlog

from renderq.contract import JobErrorCode
from renderq_shared.errors import ObjectStoreUnavailable, StoreUnavailable
from renderq_shared.jobs import commands
from renderq_shared.jobs.store import JobStore
from renderq_shared.objects.store import ObjectStore
from renderq_worker.engine import Rendered
from renderq_worker.jobs.report import ImageTiming, JobError, JobWarning, StoredFile, StoredGrid, StoredOutput
from renderq_worker.jobs.running_job import RunningJob
from renderq_worker.output import Encoded, Uploader, encode, grid_recipe, image_recipe
from renderq_worker.threads.inflight_operations import InflightOperations

log = structlog.get_logger(__name__)

_THREADS = 4
"""Encoding releases the interpreter lock, uploading waits for the network."""
_RETRY_DELAY_S = 0.5
"""Pause before the end of a job is told again to a store that did not answer."""

_RECIPE_TOO_LARGE = JobWarning(
    "recipe_too_large", "the recipe does not fit into a JPEG and was left out; use png or webp"
)

_WATERMARK_FAINT = JobWarning(
    "watermark_faint", "the watermark cannot be read back from the file; use png, a higher quality, or a shorter text"
)


class PostProcessor:
    """Takes pictures from the engine to the store, and jobs to their end. Callable from any thread."""

    def __init__(
        self,
        store: JobStore,
        objects: ObjectStore,
        uploader: Uploader,
        operations: InflightOperations,
        closing: threading.Event,
        on_image_stored: Callable[[RunningJob], None],
        on_end: Callable[[RunningJob], None],
    ) -> None:
        self._store = store
        self._objects = objects
        self._uploader = uploader
        self._operations = operations
        self._closing = closing
        self._on_image_stored = on_image_stored
        self._on_end = on_end
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="finisher")

    def submit(self, job: RunningJob, rendered: Rendered) -> None:
        """Make a file of this picture and put it into the store; after the last one, end the job."""
        self._pool.submit(self._logged, self._picture, job, rendered)

    def finish(self, job: RunningJob) -> None:
        """Every image is settled: end the job."""
        self._pool.submit(self._logged, self._end, job)

    def close(self) -> None:
        """Wait for what is under way; `closing` must be set, so that nobody waits for a store that is away."""
        self._pool.shutdown()

    def _logged(self, step: Callable[..., None], *args: object) -> None:
        try:
            step(*args)
        except BaseException:
            log.exception("finisher_failed")
            raise

    def _picture(self, job: RunningJob, rendered: Rendered) -> None:
        index = job.index_of(rendered.generation_id)
        if job.is_lost:
            last = job.mark_canceled(index)
        else:
            try:
                last = job.succeed(*self._stored(job, index, rendered))
            except Exception as error:
                last = job.fail(index, _failure("picture", error, job))
        if last:
            self._end(job)
        else:
            self._on_image_stored(job)

    def _stored(
        self, job: RunningJob, index: int, rendered: Rendered
    ) -> tuple[StoredOutput, ImageTiming, list[JobWarning]]:
        began = time.perf_counter()
        recipe = image_recipe(job.request, index, rendered.stats.model_revision)
        with self._operations.track(f"encoding of {rendered.generation_id}"):
            encoded = encode(rendered.pixels, job.request.output, recipe)
        encoded_at = time.perf_counter()
        if job.request.output.grid:
            job.grid.paste(index, rendered.pixels)
        key = f"{job.prefix}{index}.{encoded.extension}"
        self._uploader.put(key, encoded.data, encoded.content_type)
        upload_s = time.perf_counter() - encoded_at
        cost = ImageTiming(rendered.stats, encode_ms=(encoded_at - began) * 1e3, upload_ms=upload_s * 1e3)
        met = ((_RECIPE_TOO_LARGE, encoded.recipe_left_out), (_WATERMARK_FAINT, encoded.watermark_faint))
        warnings = [warning for warning, is_met in met if is_met]
        return StoredOutput(index, job.seed_of(index), _file(key, encoded)), cost, warnings

    def _end(self, job: RunningJob) -> None:
        """Whatever happens here, the job is held no longer: without renewals its lease ends."""
        try:
            if job.wants_grid:
                self._grid(job)
            if not self._report_finish(job):
                self._discard_outputs(job)
        finally:
            self._on_end(job)

    def _grid(self, job: RunningJob) -> None:
        """One more picture, of all that are there: the job succeeds with it or not at all."""
        grid = job.grid
        try:
            with self._operations.track(f"encoding of the grid of {job.claim_ref.job_id}"):
                encoded = encode(grid.pixels, job.request.output, grid_recipe(job.request, job.model_revision))
            key = f"{job.prefix}grid.{encoded.extension}"
            self._uploader.put(key, encoded.data, encoded.content_type)
        except Exception as error:
            job.fail_grid(_failure("grid", error, job))
        else:
            job.add_grid(StoredGrid(grid.columns, grid.rows, _file(key, encoded)))

    def _report_finish(self, job: RunningJob) -> bool:
        """Tell the store how the job ended, for as long as it takes; whether it is the job's end."""
        outcome = job.outcome()
        while not job.is_lost:
            try:
                with self._operations.track(f"finish of {job.claim_ref.job_id}"):
                    finished = self._store.call(commands.finish(job.claim_ref, outcome))
            except StoreUnavailable as error:
                log.warning("finish_not_told", job=job.claim_ref.job_id, reason=str(error))
                if self._closing.wait(_RETRY_DELAY_S):
                    return False
            else:
                if finished.accepted:
                    log.info("job_ended", job=job.claim_ref.job_id, status=outcome.status.value)
                return finished.accepted
        return False

    def _discard_outputs(self, job: RunningJob) -> None:
        """The job is no longer ours: remove what this claim wrote, unless the job ended with it and shows it."""
        try:
            found = self._store.call(commands.get(job.record.tenant, job.claim_ref.job_id))
            shown = found is not None and found[0].status.is_terminal and found[0].claim_id == job.claim_ref.claim_id
            if not shown:
                self._objects.delete_prefix(job.prefix)
        except (StoreUnavailable, ObjectStoreUnavailable) as error:
            log.warning("leftovers_kept", prefix=job.prefix, reason=str(error))
        log.info("job_forgotten", job=job.claim_ref.job_id, claim=job.claim_ref.claim_id)


def _failure(what: str, error: Exception, job: RunningJob) -> JobError:
    """Why `what` is not in the store."""
    if isinstance(error, ObjectStoreUnavailable):
        message = f"the object store did not take the {what}: {error}"
        return JobError(JobErrorCode.STORAGE_FAILED, message, retryable=True)
    log.error("picture_failed", job=job.claim_ref.job_id, what=what, exc_info=error)
    message = f"the {what} could not be written: {type(error).__name__}: {error}"
    return JobError(JobErrorCode.INTERNAL, message, retryable=False)


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
