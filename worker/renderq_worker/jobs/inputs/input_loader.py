"""A job's pictures, fetched and decoded beside the engine, which goes on with other jobs meanwhile."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import structlog

from renderq.contract import JobErrorCode
from renderq.contract.resolved import (
    ResolvedDepth2Img,
    ResolvedImg2Img,
    ResolvedInpaint,
    ResolvedOutpaint,
    ResolvedTxt2Img,
    ResolvedUpscale,
    ResolvedVariation,
)
from renderq_shared.errors import ObjectNotFound, ObjectStoreUnavailable, StoreUnavailable
from renderq_shared.jobs import JobStore, commands
from renderq_shared.objects.store import ObjectStore
from renderq_worker.engine import (
    Depth,
    Depth2Img,
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
from renderq_worker.jobs.inputs.image_decoding import decode_depth_map, decode_image, decode_low_res_image, decode_mask
from renderq_worker.jobs.report import JobError
from renderq_worker.jobs.running_job import RunningJob
from renderq_worker.threads.inflight_operations import InflightOperations

log = structlog.get_logger(__name__)

_THREADS = 2
"""The largest picture takes a gigabyte while it is decoded."""
_RETRY_DELAY_S = 0.5
"""Pause before a job store that did not answer is asked again."""

Answer = TypeVar("Answer")
Array = TypeVar("Array", Pixels, Mask, Depth)


class InputError(Exception):
    """A job's picture cannot be had."""

    def __init__(self, code: JobErrorCode, message: str, *, retryable: bool) -> None:
        super().__init__(message)
        self.failure = JobError(code, message, retryable)


class InputLoader:
    """Prepares jobs that start from pictures. Callable from any thread."""

    def __init__(
        self,
        store: JobStore,
        objects: ObjectStore,
        operations: InflightOperations,
        closing: threading.Event,
        retry_delays_s: Sequence[float],
    ) -> None:
        self._store = store
        self._objects = objects
        self._operations = operations
        self._closing = closing
        self._retry_delays_s = retry_delays_s
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="inputs")

    def load(
        self, job: RunningJob, ready: Callable[[RunningJob, Task], None], failed: Callable[[RunningJob, JobError], None]
    ) -> None:
        """Call `ready` or `failed` on a thread of the pool."""
        self._pool.submit(self._prepare, job, ready, failed)

    def close(self) -> None:
        """Wait for what is under way; `closing` must be set, so that nobody waits for a store that is away."""
        self._pool.shutdown()

    def _prepare(
        self, job: RunningJob, ready: Callable[[RunningJob, Task], None], failed: Callable[[RunningJob, JobError], None]
    ) -> None:
        try:
            if job.is_stopped:
                raise InputError(JobErrorCode.INTERNAL, "the job was stopped", retryable=True)
            ready(job, self._task(job))
        except InputError as error:
            failed(job, error.failure)
        except Exception as error:
            log.exception("inputs_failed", job=job.claim_ref.job_id)
            message = f"the inputs could not be prepared: {type(error).__name__}: {error}"
            failed(job, JobError(JobErrorCode.INTERNAL, message, retryable=False))

    def _task(self, job: RunningJob) -> Task:
        request = job.request
        match request:
            case ResolvedTxt2Img():
                return Txt2Img()
            case ResolvedImg2Img(image=image, strength=strength):
                return Img2Img(self._read(job, image, decode_image), strength)
            case ResolvedInpaint(image=image, mask=covered, strength=strength):
                return Inpaint(self._read(job, image, decode_image), self._read(job, covered, decode_mask), strength)
            case ResolvedOutpaint(image=image, extend=extend):
                return outpaint(self._read(job, image, decode_image), **extend.model_dump())
            case ResolvedVariation(image=image):
                return Variation(self._read(job, image, decode_image))
            case ResolvedDepth2Img(image=image, depth_map=given, strength=strength):
                depth = None if given is None else self._read(job, given, decode_depth_map)
                return Depth2Img(self._read(job, image, decode_image), depth, strength)
            case ResolvedUpscale(image=image, noise_level=noise_level):
                return Upscale(self._read(job, image, decode_low_res_image), noise_level)

    def _read(self, job: RunningJob, asset_id: str, decode: Callable[[bytes, int, int], Array]) -> Array:
        """An asset in the sides that the request says. Raises `InputError`."""
        width, height = job.request.width, job.request.height
        file = self._fetch(job, asset_id)
        try:
            with self._operations.track(f"decoding of {asset_id}"):
                return decode(file, width, height)
        except Exception as error:  # Pillow's readers raise whatever they stumble over
            raise _unreadable(f"{asset_id} cannot be read ({type(error).__name__}); upload it again") from error

    def _fetch(self, job: RunningJob, asset_id: str) -> bytes:
        key = self._key(job, asset_id)
        try:
            return self._with_retries(lambda: b"".join(self._objects.read(key)), f"reading of {key}")
        except ObjectNotFound as error:
            raise _unreadable(f"the file of {asset_id} is gone from the object store; upload it again") from error
        except ObjectStoreUnavailable as error:
            message = f"the object store did not give the picture: {error}"
            raise InputError(JobErrorCode.STORAGE_FAILED, message, retryable=True) from error

    def _key(self, job: RunningJob, asset_id: str) -> str:
        """Where the asset's file is. The job store is asked for as long as the job is ours."""
        while True:
            try:
                asset = self._store.call(commands.asset(job.record.tenant, asset_id))
            except StoreUnavailable as error:
                log.warning("asset_not_looked_up", asset=asset_id, reason=str(error))
                if job.is_stopped or self._closing.wait(_RETRY_DELAY_S):
                    raise InputError(JobErrorCode.INTERNAL, "the worker is closing", retryable=True) from error
            else:
                if asset is None:
                    raise _unreadable(f"there is no {asset_id}; upload it again")
                return asset.key

    def _with_retries(self, read: Callable[[], Answer], what: str) -> Answer:
        """The store may be away for a while, as for uploads."""
        for pause_s in self._retry_delays_s:
            try:
                with self._operations.track(what):
                    return read()
            except ObjectStoreUnavailable as error:
                log.warning("input_not_read", what=what, reason=str(error), again_in_s=pause_s)
            if self._closing.wait(pause_s):
                break
        return read()


def _unreadable(message: str) -> InputError:
    return InputError(JobErrorCode.INPUT_UNREADABLE, message, retryable=False)
