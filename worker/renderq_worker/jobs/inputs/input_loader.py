"""Fetches and decodes the input images of jobs on threads of its own, while the engine works on other jobs."""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import structlog

from renderq.contract import JobError, JobErrorCode, JobWarning
from renderq.contract.resolved import (
    ResolvedDepth2Img,
    ResolvedEdit,
    ResolvedImg2Img,
    ResolvedInpaint,
    ResolvedOutpaint,
    ResolvedTxt2Img,
    ResolvedUpscale,
    ResolvedVariation,
)
from renderq_shared.errors import ObjectNotFound, ObjectStoreUnavailable, StoreUnavailable
from renderq_shared.jobs import JobStore, commands
from renderq_shared.objects import ObjectStore
from renderq_shared.outage import Outage
from renderq_worker.engine import (
    Depth,
    Depth2Img,
    Edit,
    Img2Img,
    Inpaint,
    Mask,
    Pixels,
    Task,
    Txt2Img,
    Upscale,
    Variation,
    outpaint,
)
from renderq_worker.jobs.inputs.image_decoding import (
    Warn,
    decode_depth_map,
    decode_edited_image,
    decode_image,
    decode_low_res_image,
    decode_mask,
)
from renderq_worker.jobs.running_job import RunningJob
from renderq_worker.threads.inflight_operations import InflightOperations
from renderq_worker.threads.object_retries import ObjectRetries

log = structlog.get_logger(__name__)

_THREADS = 2
"""Decoding the largest image takes a gigabyte."""
_RETRY_DELAY_S = 0.5
"""Delay before a job store that did not answer is queried again."""

Array = TypeVar("Array", Pixels, Mask, Depth)


class InputError(Exception):
    """An input image of a job cannot be loaded."""

    def __init__(self, code: JobErrorCode, message: str, *, retryable: bool) -> None:
        super().__init__(message)
        self.job_error = JobError(code=code, message=message, retryable=retryable)


class InputLoader:
    """Loads the inputs of jobs that start from images. Thread-safe."""

    def __init__(
        self,
        store: JobStore,
        objects: ObjectStore,
        retries: ObjectRetries,
        operations: InflightOperations,
        closing: threading.Event,
        size_multiples: Mapping[str, int],
    ) -> None:
        """`size_multiples`: name of a model → `size_multiple` of its limits."""
        self._store = store
        self._objects = objects
        self._retries = retries
        self._operations = operations
        self._closing = closing
        self._size_multiples = size_multiples
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="inputs")

    def load(
        self,
        job: RunningJob,
        on_ready: Callable[[RunningJob, Task], None],
        on_error: Callable[[RunningJob, JobError], None],
    ) -> None:
        """Load the job's inputs, then call `on_ready` or `on_error` on a thread of the pool."""
        self._pool.submit(self._load, job, on_ready, on_error)

    def close(self) -> None:
        """Wait for running work. `closing` must be set, so that no thread retries a store that is down."""
        self._pool.shutdown()

    def _load(
        self,
        job: RunningJob,
        on_ready: Callable[[RunningJob, Task], None],
        on_error: Callable[[RunningJob, JobError], None],
    ) -> None:
        with job.log_context():
            try:
                if job.is_stopped:
                    raise InputError(JobErrorCode.INTERNAL, "the job was stopped", retryable=True)
                on_ready(job, self._task(job))
            except InputError as error:
                on_error(job, error.job_error)
            except Exception as error:
                log.exception("inputs.failed")
                message = f"the inputs could not be prepared: {type(error).__name__}: {error}"
                on_error(job, JobError(code=JobErrorCode.INTERNAL, message=message, retryable=False))

    def _task(self, job: RunningJob) -> Task:
        request = job.request
        match request:
            case ResolvedTxt2Img():
                return Txt2Img()
            case ResolvedImg2Img(image=image, strength=strength):
                return Img2Img(self._read(job, image, decode_image), strength)
            case ResolvedInpaint(image=image, mask=mask, strength=strength):
                task = Inpaint(self._read(job, image, decode_image), self._read(job, mask, decode_mask), strength)
                if task.regenerates_nothing:
                    job.warn(_mask_without_effect(request))
                return task
            case ResolvedOutpaint(image=image, extend=extend):
                block = self._size_multiples[request.model]
                return outpaint(self._read(job, image, decode_image), block=block, **extend.model_dump())
            case ResolvedVariation(image=image):
                return Variation(self._read(job, image, decode_image))
            case ResolvedDepth2Img(image=image, depth_map=depth_map, strength=strength):
                depth = None if depth_map is None else self._read(job, depth_map, decode_depth_map)
                return Depth2Img(self._read(job, image, decode_image), depth, strength)
            case ResolvedUpscale(image=image, noise_level=noise_level):
                return Upscale(self._read(job, image, decode_low_res_image), noise_level)
            case ResolvedEdit(images=images):
                return Edit(tuple(self._read(job, image, decode_edited_image) for image in images))

    def _read(self, job: RunningJob, asset_id: str, decode: Callable[[bytes, int, int, Warn], Array]) -> Array:
        """Return an asset decoded at the request's size. Raises `InputError`."""
        width, height = job.request.width, job.request.height
        file = self._fetch(job, asset_id)
        try:
            with self._operations.track(f"decoding of {asset_id}"):
                return decode(file, width, height, job.warn)
        except Exception as error:  # Pillow's decoders raise errors of any type
            raise _unreadable(f"{asset_id} cannot be decoded ({type(error).__name__}); upload it again") from error

    def _fetch(self, job: RunningJob, asset_id: str) -> bytes:
        key = self._key(job, asset_id)
        try:
            return self._retries.run(f"reading of {key}", lambda: b"".join(self._objects.read(key)))
        except ObjectNotFound as error:
            raise _unreadable(f"the file of {asset_id} is not in the object store; upload it again") from error
        except ObjectStoreUnavailable as error:
            message = f"the input image could not be read from the object store: {error}"
            raise InputError(JobErrorCode.STORAGE_FAILED, message, retryable=True) from error

    def _key(self, job: RunningJob, asset_id: str) -> str:
        """Return the object key of the asset. Retries a job store that is down until the job is stopped."""
        outage = Outage()
        while True:
            try:
                asset = self._store.call(commands.get_asset(job.record.tenant, asset_id))
            except StoreUnavailable as error:
                if outage.has_new_cause(error):
                    log.warning("asset.lookup_failed", asset_id=asset_id, reason=str(error))
                if job.is_stopped or self._closing.wait(_RETRY_DELAY_S):
                    raise InputError(JobErrorCode.INTERNAL, "the worker is shutting down", retryable=True) from error
            else:
                if asset is None:
                    raise _unreadable(f"{asset_id} does not exist; upload it again")
                return asset.key


def _mask_without_effect(request: ResolvedInpaint) -> JobWarning:
    return JobWarning(
        code="mask_without_effect",
        message=f"nothing was repainted: at {request.width} × {request.height} no pixel of the mask is white (128 or "
        "more); white is repainted, black and transparent are kept",
    )


def _unreadable(message: str) -> InputError:
    return InputError(JobErrorCode.INPUT_UNREADABLE, message, retryable=False)
