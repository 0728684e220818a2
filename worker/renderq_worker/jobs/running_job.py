"""A claimed job while the worker processes it."""

import json
import threading
import time
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import IntEnum

from structlog.contextvars import bound_contextvars

from renderq.contract import (
    ImageStatus,
    JobError,
    JobWarning,
    LoraOptions,
    ResolvedRequest,
    Stage,
    Status,
    parse_resolved_request,
)
from renderq_shared.imaging.cost import cost, model_calls
from renderq_shared.imaging.size import rendered_size
from renderq_shared.jobs.claim_records import ClaimRef, JobUpdate, Outcome
from renderq_shared.jobs.records import JobRecord
from renderq_shared.jobs.stored_results import (
    StoredGrid,
    StoredImageProgress,
    StoredOutput,
    StoredProgress,
    encode_outputs,
    encode_warnings,
)
from renderq_worker.engine import AppliedLora, Decoding, Encoding, Event, GenerationSpec, Loading, Stepped, Task
from renderq_worker.jobs.job_metrics import ImageTiming, job_metrics, job_runtime, job_timing
from renderq_worker.output import Grid


class StopReason(IntEnum):
    """Why the worker stops a job that it claimed. A higher value takes precedence."""

    CANCELED = 1
    """Its owner canceled it; the claim still ends the job."""
    LOST = 2
    """The claim no longer holds the job, or was released: nothing more may be written."""


@dataclass(slots=True)
class _Image:
    """State of one image."""

    index: int
    seed: int
    steps: int
    step: int = 0
    stage: Stage | None = None
    is_done: bool = False
    """Its file is in the object store, or it failed or was canceled."""


class RunningJob:
    """One claim of one job, built from the record that the claim returned. Thread-safe."""

    def __init__(self, record: JobRecord, claim_id: str) -> None:
        """Raise `ValueError` if this version does not understand the stored request."""
        self.record = record
        self.claim_ref = ClaimRef(record.id, claim_id)
        self.request: ResolvedRequest = parse_resolved_request(json.loads(record.request_json))
        self._size = rendered_size(self.request)
        self._images = _images(record, self.request)
        self._outputs: dict[int, StoredOutput] = {}
        self.grid = Grid(self.request.n)
        """Canvas of the grid; used only if the request asks for a grid."""
        self._grid: StoredGrid | None = None
        self._grid_error: JobError | None = None
        self._errors: dict[int, JobError] = {}
        self._warnings: dict[str, JobWarning] = {}
        self._timings: list[ImageTiming] = []
        self._stop_reason: StopReason | None = None
        self._is_submitted = False
        self._is_ended = False
        self._stage_starts: list[tuple[Stage, int]] = []
        self._lock = threading.Lock()

    def log_context(self) -> AbstractContextManager[None]:
        """Bind the job's ids to every log record of the current thread."""
        claim_ref = self.claim_ref
        return bound_contextvars(job_id=claim_ref.job_id, claim_id=claim_ref.claim_id, worker=self.record.worker)

    def specs(self, task: Task) -> tuple[GenerationSpec, ...]:
        """Return one specification per image; `task` holds the decoded inputs."""
        request, (width, height), sampling = self.request, self._size, self.request.sampling
        loras = tuple(_applied(lora) for lora in request.loras)
        return tuple(
            GenerationSpec(
                id=id,
                model=self.record.model,
                prompt=request.prompt,
                negative_prompt=request.negative_prompt,
                width=width,
                height=height,
                sampling=sampling,
                seed=image.seed,
                task=task,
                loras=loras,
            )
            for id, image in self._images.items()
        )

    @property
    def generation_ids(self) -> tuple[str, ...]:
        return tuple(self._images)

    @property
    def object_prefix(self) -> str:
        """Prefix of the objects of this claim, and of no other."""
        return f"jobs/{self.claim_ref.job_id}/{self.claim_ref.claim_id}/"

    @property
    def is_stopped(self) -> bool:
        return self._stop_reason is not None

    @property
    def is_lost(self) -> bool:
        return self._stop_reason is StopReason.LOST

    @property
    def pending_images(self) -> int:
        """Number of images not yet submitted to the engine."""
        return 0 if self._is_submitted else len(self._images)

    def mark_submitted(self) -> None:
        """The engine has the images, or never gets them because their inputs failed."""
        self._is_submitted = True

    @property
    def is_ended(self) -> bool:
        """Whether the worker has finished with the job."""
        return self._is_ended

    @property
    def stage_starts(self) -> tuple[tuple[Stage, int], ...]:
        """Each change of the job's stage, in order: the stage, and the time since the epoch in ns."""
        with self._lock:
            return tuple(self._stage_starts)

    def index_of(self, generation_id: str) -> int:
        return self.generation_ids.index(generation_id)

    def seed_of(self, index: int) -> int:
        return self._images[self.generation_ids[index]].seed

    @property
    def model_revision(self) -> str:
        """Revision of the model that rendered the job; at least one image must have succeeded."""
        return self._timings[0].stats.model_revision

    def request_stop(self, reason: StopReason) -> bool:
        """Return whether `reason` is new. A job that has ended cannot be stopped."""
        with self._lock:
            if self._is_ended or (self._stop_reason is not None and self._stop_reason >= reason):
                return False
            self._stop_reason = reason
            return True

    def end(self) -> None:
        with self._lock:
            self._is_ended = True

    def apply_event(self, event: Event) -> bool:
        """Record an image's progress in the engine; return whether the job's stage has changed."""
        with self._lock:
            before = self._stage()
            image = self._images[event.generation_id]
            match event:
                case Loading():
                    image.stage = Stage.LOADING_MODEL
                case Encoding():
                    image.stage = Stage.ENCODING
                case Stepped(step=step, steps=steps):
                    image.stage, image.step, image.steps = Stage.DENOISING, step, steps
                case Decoding():
                    image.stage = Stage.DECODING
                case _:
                    image.stage = Stage.UPLOADING
            after = self._stage()
            if after is not None and after is not before:
                self._stage_starts.append((after, time.time_ns()))
            return after is not before

    def succeed(self, output: StoredOutput, timing: ImageTiming, warnings: Collection[JobWarning]) -> bool:
        """Record an image that is in the object store; return whether all images are done."""
        with self._lock:
            self._outputs[output.index] = output
            self._timings.append(timing)
            self._warnings.update({warning.code: warning for warning in warnings})
            return self._mark_done(output.index)

    @property
    def needs_grid(self) -> bool:
        """Whether the request asks for a grid and all images have succeeded."""
        return self.request.output.grid and len(self._outputs) == len(self._images) and not self.is_stopped

    def add_grid(self, grid: StoredGrid) -> None:
        """Record that the grid is in the object store."""
        self._grid = grid

    def fail_grid(self, error: JobError) -> None:
        """Record that the grid failed: the job fails and keeps its images."""
        self._grid_error = error

    def warn(self, warning: JobWarning) -> None:
        """Record a warning; it is written with the next update."""
        with self._lock:
            self._warnings[warning.code] = warning

    def fail(self, index: int, error: JobError) -> bool:
        """Record that an image failed; return whether all images are done."""
        with self._lock:
            self._errors[index] = error
            return self._mark_done(index)

    def mark_canceled(self, index: int) -> bool:
        """Record that an image was canceled; return whether all images are done."""
        with self._lock:
            return self._mark_done(index)

    def update(self) -> JobUpdate:
        """Return a complete snapshot of the progress and results so far."""
        with self._lock:
            images, timings = self._images.values(), self._timings
            outputs = [self._outputs[index] for index in sorted(self._outputs)]
            progress = StoredProgress(
                step=sum(image.step for image in images),
                steps=sum(image.steps for image in images),
                images_done=len(outputs),
                images=() if all(image.is_done for image in images) else tuple(map(self._image_progress, images)),
            )
            return JobUpdate(
                stage=self._stage(),
                progress_json=progress.model_dump_json(),
                outputs_json=encode_outputs(outputs) if outputs else None,
                grid_json=self._grid.model_dump_json() if self._grid else None,
                warnings_json=encode_warnings(tuple(self._warnings.values())) if self._warnings else None,
                metrics_json=job_metrics(timings).model_dump_json() if timings else None,
                runtime_json=job_runtime(timings).model_dump_json() if timings else None,
                finished=tuple(output.index for output in outputs),
            )

    def outcome(self) -> Outcome:
        """Return how the attempt ended, once all images are done."""
        update, measured_cost = self.update(), self._cost()
        error = self._error()
        if error:
            return Outcome(Status.FAILED, error_json=error.model_dump_json(), update=update, cost=measured_cost)
        if len(self._outputs) < len(self._images):
            return Outcome(Status.CANCELED, update=update, cost=measured_cost)
        return Outcome(Status.SUCCEEDED, update=update, cost=measured_cost, timing=job_timing(self._timings))

    def _error(self) -> JobError | None:
        if self._errors:
            return _job_error(self._errors, len(self._images))
        return self._grid_error

    def _cost(self) -> float:
        """Cost of the model calls made so far, however the job ended."""
        return sum(cost(image.step, *self._size) for image in self._images.values())

    def _image_progress(self, image: _Image) -> StoredImageProgress:
        status: ImageStatus = "queued" if image.stage is None else "running"
        if image.is_done:
            status = "canceled"
        if image.index in self._errors:
            status = "failed"
        if image.index in self._outputs:
            status = "succeeded"
        return StoredImageProgress(step=image.step, steps=image.steps, status=status)

    def _mark_done(self, index: int) -> bool:
        list(self._images.values())[index].is_done = True
        return all(image.is_done for image in self._images.values())

    def _stage(self) -> Stage | None:
        """The stage of the first image that is still in the engine; after the last one, `uploading`."""
        stages = [image.stage for image in self._images.values()]
        in_engine = (stage for stage in stages if stage not in (None, Stage.UPLOADING))
        return next(in_engine, None if None in stages else Stage.UPLOADING)


def _applied(lora: LoraOptions) -> AppliedLora:
    weight = 1.0 if lora.weight is None else lora.weight
    text = weight if lora.text_encoder_weight is None else lora.text_encoder_weight
    return AppliedLora(lora.name, weight, text, lora.revision)


def _images(record: JobRecord, request: ResolvedRequest) -> dict[str, _Image]:
    """Image k has seed + k. The attempt in its id separates the job from this worker's earlier claims of it."""
    calls = model_calls(request.scheduler, request.steps, request.strength)
    return {
        f"{record.id}/{record.attempt}/{index}": _Image(index, request.seed + index, calls)
        for index in range(request.n)
    }


def _job_error(errors: Mapping[int, JobError], images: int) -> JobError:
    """The job's error: that of its first failed image; `details.images` lists all failed ones."""
    index = min(errors)
    summary = f"{len(errors)} of {images} images failed; image {index}: " if images > 1 else ""
    return JobError(
        code=errors[index].code,
        message=summary + errors[index].message,
        retryable=all(error.retryable for error in errors.values()),
        details={"images": [*sorted(errors)]},
    )
