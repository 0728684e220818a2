"""A claimed job on its way to its end: what is known of it, safe to touch from every thread of the worker."""

import json
import threading
from collections.abc import Collection
from dataclasses import dataclass
from enum import IntEnum

from renderq.contract import ResolvedRequest, Stage, Status, parse_resolved_request
from renderq_shared.imaging.cost import cost, model_calls
from renderq_shared.imaging.size import output_size
from renderq_shared.jobs.records import ClaimRef, JobRecord, JobUpdate, Outcome
from renderq_worker.engine import Decoding, Encoding, Event, GenerationSpec, Loading, Stepped, Task
from renderq_worker.jobs import report
from renderq_worker.output import Grid


class StopReason(IntEnum):
    """Why the worker no longer renders a job that it claimed. A later one takes precedence."""

    CANCELED = 1
    """Its owner wants it stopped; the job is ours to end."""
    LOST = 2
    """The claim no longer holds it, or was handed back: nothing more may be written."""


@dataclass(slots=True)
class _Image:
    """How far one image is."""

    seed: int
    steps: int
    step: int = 0
    stage: Stage | None = None
    is_done: bool = False
    """Its picture is in the store, or there will be none."""


class RunningJob:
    """One claim of one job. Built from the record that the claim returned."""

    def __init__(self, record: JobRecord, claim_id: str) -> None:
        """Raises `ValueError` when the stored request is not one that this version understands."""
        self.record = record
        self.claim_ref = ClaimRef(record.id, claim_id)
        self.request: ResolvedRequest = parse_resolved_request(json.loads(record.request_json))
        self._size = output_size(self.request)
        self._images = _images(record, self.request)
        self._outputs: dict[int, report.StoredOutput] = {}
        self.grid = Grid(self.request.n)
        """The canvas; a picture is placed in it only where the request asks for a grid."""
        self._grid: report.StoredGrid | None = None
        self._grid_failure: report.JobError | None = None
        self._failures: dict[int, report.JobError] = {}
        self._warnings: dict[str, report.JobWarning] = {}
        self._costs: list[report.ImageTiming] = []
        self._stop: StopReason | None = None
        self._in_engine = False
        self._ended = False
        self._lock = threading.Lock()

    def specs(self, task: Task) -> tuple[GenerationSpec, ...]:
        """What the engine is to make, once the inputs are there."""
        request, (width, height), sampling = self.request, self._size, self.request.sampling
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
            )
            for id, image in self._images.items()
        )

    @property
    def generation_ids(self) -> tuple[str, ...]:
        return tuple(self._images)

    @property
    def prefix(self) -> str:
        """Where the objects of this claim live, and of no other."""
        return f"jobs/{self.claim_ref.job_id}/{self.claim_ref.claim_id}/"

    @property
    def is_stopped(self) -> bool:
        return self._stop is not None

    @property
    def is_lost(self) -> bool:
        return self._stop is StopReason.LOST

    @property
    def pending_images(self) -> int:
        """Images that are on their way to the engine."""
        return 0 if self._in_engine else len(self._images)

    def mark_submitted(self) -> None:
        """The engine has the images, or they do not come any more."""
        self._in_engine = True

    @property
    def is_ended(self) -> bool:
        """The worker is done with it."""
        return self._ended

    def index_of(self, generation_id: str) -> int:
        return self.generation_ids.index(generation_id)

    def seed_of(self, index: int) -> int:
        return self._images[self.generation_ids[index]].seed

    @property
    def model_revision(self) -> str:
        """Of what rendered it; there must be a picture."""
        return self._costs[0].stats.model_revision

    def request_stop(self, reason: StopReason) -> bool:
        """Whether this is news; nothing stops a job that has ended."""
        with self._lock:
            if self._ended or (self._stop is not None and self._stop >= reason):
                return False
            self._stop = reason
            return True

    def end(self) -> None:
        with self._lock:
            self._ended = True

    def apply_event(self, event: Event) -> bool:
        """Take note of an image's way through the engine; whether the job's stage has changed."""
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
            return self._stage() is not before

    def succeed(
        self, output: report.StoredOutput, cost: report.ImageTiming, warnings: Collection[report.JobWarning]
    ) -> bool:
        """An image's picture is in the store; whether it was the job's last open image."""
        with self._lock:
            self._outputs[output.index] = output
            self._costs.append(cost)
            self._warnings.update({warning.code: warning for warning in warnings})
            return self._mark_done(output.index)

    @property
    def wants_grid(self) -> bool:
        """Whether all pictures are there, and are to be shown in one as well."""
        return self.request.output.grid and len(self._outputs) == len(self._images) and not self.is_stopped

    def add_grid(self, grid: report.StoredGrid) -> None:
        """The grid is in the store."""
        self._grid = grid

    def fail_grid(self, failure: report.JobError) -> None:
        """There will be no grid: the job fails, and keeps its pictures."""
        self._grid_failure = failure

    def warn(self, warning: report.JobWarning) -> None:
        """Something happened that the owner should know; told with the next news."""
        with self._lock:
            self._warnings[warning.code] = warning

    def fail(self, index: int, failure: report.JobError) -> bool:
        """There will be no picture; whether it was the job's last open image."""
        with self._lock:
            self._failures[index] = failure
            return self._mark_done(index)

    def mark_canceled(self, index: int) -> bool:
        """The image was canceled; whether it was the job's last open image."""
        with self._lock:
            return self._mark_done(index)

    def update(self) -> JobUpdate:
        """All that is known, as a complete snapshot."""
        with self._lock:
            images = self._images.values()
            outputs = [self._outputs[index] for index in sorted(self._outputs)]
            return JobUpdate(
                stage=self._stage(),
                progress_json=report.progress_json(
                    sum(image.step for image in images), sum(image.steps for image in images), len(outputs)
                ),
                outputs_json=report.outputs_json(outputs) if outputs else None,
                grid_json=report.grid_json(self._grid) if self._grid else None,
                warnings_json=report.warnings_json(list(self._warnings.values())) if self._warnings else None,
                metrics_json=report.metrics_json(self._costs) if self._costs else None,
                runtime_json=report.runtime_json(self._costs[0].stats) if self._costs else None,
                finished=tuple(output.index for output in outputs),
            )

    def outcome(self) -> Outcome:
        """How the attempt ended, once every image is settled."""
        update, cost = self.update(), self._cost()
        if self._failures:
            error = report.error_json(self._failures, len(self._images))
            return Outcome(Status.FAILED, error_json=error, update=update, cost=cost)
        if len(self._outputs) < len(self._images):
            return Outcome(Status.CANCELED, update=update, cost=cost)
        if self._grid_failure:
            error = report.grid_error_json(self._grid_failure)
            return Outcome(Status.FAILED, error_json=error, update=update, cost=cost)
        return Outcome(Status.SUCCEEDED, update=update, cost=cost, timing=report.job_timing(self._costs))

    def _cost(self) -> float:
        """What was really spent: model calls that were made, however the job ended."""
        return sum(cost(image.step, *self._size) for image in self._images.values())

    def _mark_done(self, index: int) -> bool:
        list(self._images.values())[index].is_done = True
        return all(image.is_done for image in self._images.values())

    def _stage(self) -> Stage | None:
        """The stage of the first image that is still in the engine; after the last one, `uploading`."""
        stages = [image.stage for image in self._images.values()]
        in_engine = (stage for stage in stages if stage not in (None, Stage.UPLOADING))
        return next(in_engine, None if None in stages else Stage.UPLOADING)


def _images(record: JobRecord, request: ResolvedRequest) -> dict[str, _Image]:
    """Image k uses seed + k. The attempt in its id separates it from an earlier claim of the job by this worker."""
    calls = model_calls(request.scheduler, request.steps, request.strength)
    return {f"{record.id}/{record.attempt}/{index}": _Image(request.seed + index, calls) for index in range(request.n)}
