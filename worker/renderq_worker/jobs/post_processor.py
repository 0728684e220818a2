"""Post-processing of rendered images: resize, encode, upload, report. On a few threads, so that no device waits."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import structlog

from renderq.contract import JobError, JobErrorCode, JobWarning, OutputOptions
from renderq_shared.errors import ObjectStoreUnavailable, StoreUnavailable
from renderq_shared.jobs import EndedJob, commands
from renderq_shared.jobs.store import JobStore
from renderq_shared.jobs.stored_results import StoredFile, StoredGrid, StoredOutput, StoredThumbnail
from renderq_shared.objects import ObjectStore
from renderq_shared.outage import Outage
from renderq_shared.tracing import Tracing
from renderq_worker.engine import Rendered
from renderq_worker.jobs.job_metrics import ImageTiming
from renderq_worker.jobs.job_trace import record_spans
from renderq_worker.jobs.running_job import RunningJob
from renderq_worker.output import Encoded, encode, encode_thumbnail, grid_recipe, image_recipe, resize
from renderq_worker.output.thumbnail import CONTENT_TYPE as THUMBNAIL_TYPE
from renderq_worker.output.thumbnail import Thumbnail
from renderq_worker.threads.inflight_operations import InflightOperations
from renderq_worker.threads.object_retries import ObjectRetries

log = structlog.get_logger(__name__)

_THREADS = 4
"""Encoding releases the interpreter lock, uploading waits for the network."""
_RETRY_DELAY_S = 0.5
"""Delay before a job's outcome is reported again to a store that did not answer."""

_DEFAULT_QUALITY = OutputOptions.model_fields["quality"].default

_RECIPE_TOO_LARGE = JobWarning(
    code="recipe_too_large", message="the recipe does not fit into a JPEG and was left out; use png or webp"
)

_WATERMARK_FAINT = JobWarning(
    code="watermark_faint",
    message="the watermark cannot be read back from the file; use png, a higher quality, or a shorter text",
)

_QUALITY_UNREAD = JobWarning(
    code="quality_unread", message="png is lossless, so quality has no effect; omit it, or use jpeg or webp"
)


class PostProcessor:
    """Stores rendered images and ends jobs. Thread-safe."""

    def __init__(
        self,
        store: JobStore,
        objects: ObjectStore,
        retries: ObjectRetries,
        operations: InflightOperations,
        closing: threading.Event,
        on_image_stored: Callable[[RunningJob], None],
        on_end: Callable[[RunningJob], None],
        tracing: Tracing,
    ) -> None:
        self._store = store
        self._objects = objects
        self._retries = retries
        self._operations = operations
        self._closing = closing
        self._on_image_stored = on_image_stored
        self._on_end = on_end
        self._tracing = tracing
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="post-processor")

    def submit(self, job: RunningJob, rendered: Rendered) -> None:
        """Encode and upload an image; after the job's last image, end the job."""
        self._pool.submit(self._logged, job, lambda: self._process_image(job, rendered))

    def finish(self, job: RunningJob) -> None:
        """End a job whose images are all done."""
        self._pool.submit(self._logged, job, lambda: self._end(job))

    def close(self) -> None:
        """Wait for running work. `closing` must be set, so that no thread retries a store that is down."""
        self._pool.shutdown()

    def _logged(self, job: RunningJob, work: Callable[[], None]) -> None:
        with job.log_context():
            try:
                work()
            except BaseException:
                log.exception("post_processor.crashed")
                self._on_end(job)  # without renewals its lease expires
                raise

    def _process_image(self, job: RunningJob, rendered: Rendered) -> None:
        index = job.index_of(rendered.generation_id)
        if job.is_lost:
            is_last = job.mark_canceled(index)
        else:
            try:
                is_last = job.succeed(*self._store_image(job, index, rendered))
            except Exception as error:
                is_last = job.fail(index, _storage_error("image", error))
        if is_last:
            self._end(job)
        else:
            self._on_image_stored(job)

    def _store_image(
        self, job: RunningJob, index: int, rendered: Rendered
    ) -> tuple[StoredOutput, ImageTiming, list[JobWarning]]:
        started = time.perf_counter()
        recipe = image_recipe(job.request, index, rendered.stats.model_revision)
        with self._operations.track(f"encoding of {rendered.generation_id}"):
            pixels = resize(rendered.pixels, job.request.output.resize)
            encoded = encode(pixels, job.request.output, recipe)
            thumbnail = encode_thumbnail(encoded.pixels)
        encoded_at = time.perf_counter()
        if job.request.output.grid:
            job.grid.paste(index, pixels)
        file = self._upload(f"{job.object_prefix}{index}.{encoded.extension}", encoded)
        stored = self._upload_thumbnail(f"{job.object_prefix}{index}.thumbnail.webp", thumbnail)
        upload_s = time.perf_counter() - encoded_at
        timing = ImageTiming(rendered.stats, encode_ms=(encoded_at - started) * 1e3, upload_ms=upload_s * 1e3)
        output = StoredOutput(**vars(file), index=index, seed=job.seed_of(index), thumbnail=stored)
        return output, timing, _warnings(encoded, job.request.output)

    def _end(self, job: RunningJob) -> None:
        """End the job. Even after an error the worker drops it: without renewals its lease expires."""
        try:
            if job.needs_grid:
                self._store_grid(job)
            if not self._report_finish(job):
                self._discard_outputs(job)
        finally:
            self._on_end(job)

    def _store_grid(self, job: RunningJob) -> None:
        """Encode and upload the grid; the job fails if that fails."""
        grid = job.grid
        try:
            with self._operations.track(f"encoding of the grid of {job.claim_ref.job_id}"):
                encoded = encode(grid.pixels, job.request.output, grid_recipe(job.request, job.model_revision))
            file = self._upload(f"{job.object_prefix}grid.{encoded.extension}", encoded)
        except Exception as error:
            job.fail_grid(_storage_error("grid", error).model_copy(update={"details": {"images": []}}))
        else:
            job.add_grid(StoredGrid(**vars(file), columns=grid.columns, rows=grid.rows))

    def _upload(self, key: str, encoded: Encoded) -> StoredFile:
        self._retries.run(f"upload of {key}", lambda: self._objects.put(key, encoded.data, encoded.content_type))
        return StoredFile(
            key=key,
            content_type=encoded.content_type,
            width=encoded.width,
            height=encoded.height,
            size_bytes=len(encoded.data),
            sha256=encoded.sha256,
            pixel_sha256=encoded.pixel_sha256,
        )

    def _upload_thumbnail(self, key: str, thumbnail: Thumbnail | None) -> StoredThumbnail | None:
        """Upload a thumbnail; without one, the image is complete all the same."""
        if thumbnail is None:
            return None
        try:
            put = partial(self._objects.put, key, thumbnail.data, THUMBNAIL_TYPE)
            self._retries.run(f"upload of {key}", put)
        except ObjectStoreUnavailable as error:
            log.warning("thumbnail.upload_failed", key=key, reason=str(error))
            return None
        return StoredThumbnail(key=key, width=thumbnail.width, height=thumbnail.height, size_bytes=len(thumbnail.data))

    def _report_finish(self, job: RunningJob) -> bool:
        """Report the outcome, retrying until the store answers; return whether the store accepted it."""
        outcome, outage = job.outcome(), Outage()
        while not job.is_lost:
            try:
                with self._operations.track(f"finish of {job.claim_ref.job_id}"):
                    result = self._store.call(commands.finish(job.claim_ref, outcome))
            except StoreUnavailable as error:
                if outage.has_new_cause(error):
                    log.warning("job.finish_unreported", reason=str(error))
                if self._closing.wait(_RETRY_DELAY_S):
                    return False
            else:
                if result.accepted and result.record is not None:
                    job.end()  # before a renewal is refused because the job has ended
                    log.info("job.ended", **EndedJob.of(result.record).log_fields)
                    record_spans(self._tracing, job, result.record)
                return result.accepted
        return False

    def _discard_outputs(self, job: RunningJob) -> None:
        """Delete the files of a claim that lost its job, unless the job ended with this claim and lists them."""
        try:
            found = self._store.call(commands.get_job(job.record.tenant, job.claim_ref.job_id))
            is_listed = (
                found is not None and found[0].status.is_terminal and found[0].claim_id == job.claim_ref.claim_id
            )
            if not is_listed:
                self._objects.delete_prefix(job.object_prefix)
        except (StoreUnavailable, ObjectStoreUnavailable) as error:
            log.warning("outputs.cleanup_failed", prefix=job.object_prefix, reason=str(error))
        log.info("job.abandoned")


def _warnings(encoded: Encoded, options: OutputOptions) -> list[JobWarning]:
    applies = (
        (_RECIPE_TOO_LARGE, encoded.recipe_left_out),
        (_WATERMARK_FAINT, encoded.watermark_faint),
        (_QUALITY_UNREAD, options.format == "png" and options.quality != _DEFAULT_QUALITY),
    )
    return [warning for warning, is_true in applies if is_true]


def _storage_error(file: str, error: Exception) -> JobError:
    """Error of an image or grid that could not be encoded or uploaded."""
    if isinstance(error, ObjectStoreUnavailable):
        message = f"the {file} could not be uploaded to the object store: {error}"
        return JobError(code=JobErrorCode.STORAGE_FAILED, message=message, retryable=True)
    log.error("output.failed", file=file, exc_info=error)
    message = f"the {file} could not be encoded: {type(error).__name__}: {error}"
    return JobError(code=JobErrorCode.INTERNAL, message=message, retryable=False)
