"""Lifecycle of a fake job: snapshots as a function of time, request and script."""

import hashlib
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from renderq.contract import (
    Grid,
    ImageProgress,
    Job,
    JobAnnotation,
    JobBatch,
    JobError,
    JobErrorCode,
    OutpaintRequest,
    Output,
    Progress,
    ResolvedRequest,
    Stage,
    Status,
    UpscaleRequest,
)
from renderq.testing.fake_images import FakeImage, color_of, plain_image, tiled_image

_UPSCALE_FACTOR = 4


@dataclass(frozen=True, slots=True)
class JobScript:
    """Course of a submitted job. Default: it succeeds immediately.

    Raises `ValueError` for a status that is not terminal and for an unknown error code.
    """

    seconds: float = 0.0
    """Seconds from submission to the end; `math.inf`: until canceled."""
    status: Status = Status.SUCCEEDED
    """Terminal status."""
    error: JobErrorCode | str | None = None
    """Error code of a job that fails; sets the status to `failed`."""
    message: str = "scripted by a test"
    """Message of the error."""
    images: int = 0
    """Number of finished images, if the job does not succeed."""

    def __post_init__(self) -> None:
        if not self.status.is_terminal:
            raise ValueError(f"a job cannot end as {self.status}; choose succeeded, failed, canceled or expired")
        if self.error is not None and self.error not in list(JobErrorCode):
            raise ValueError(f"{self.error!r} is not an error code; choose {', '.join(JobErrorCode)}")

    @property
    def end(self) -> Status:
        """Terminal status, `failed` if there is an error code."""
        return Status.FAILED if self.error else self.status


def output_size(request: ResolvedRequest) -> tuple[int, int]:
    """Return width and height of the images of a request."""
    width, height = rendered_size(request)
    return width * request.output.resize, height * request.output.resize


def rendered_size(request: ResolvedRequest) -> tuple[int, int]:
    """Return width and height of the images of a request before `output.resize`."""
    if isinstance(request, UpscaleRequest):
        return request.width * _UPSCALE_FACTOR, request.height * _UPSCALE_FACTOR
    if isinstance(request, OutpaintRequest):
        extend = request.extend
        return request.width + extend.left + extend.right, request.height + extend.top + extend.bottom
    return request.width, request.height


class FakeJob:
    """A job whose state depends on the time since its submission. Not thread-safe; the owner locks."""

    def __init__(
        self,
        job_id: str,
        request: ResolvedRequest,
        script: JobScript,
        base_url: str,
        retried_from: str | None = None,
        batch: JobBatch | None = None,
    ) -> None:
        self._script = script
        self._start = time.monotonic()
        self._url = f"{base_url}/v1/jobs/{job_id}"
        self._request = request
        self._colors = [color_of(request.prompt, request.seed + index) for index in range(request.n)]
        self._size = output_size(request)
        self._total_steps = request.steps * request.n
        self._image_limit = len(self._colors) if script.end is Status.SUCCEEDED else min(script.images, request.n)
        self.files: dict[str, FakeImage] = {}
        """Index, or `grid` → file; filled as images are finished."""
        self.job = Job.model_validate(
            {
                "id": job_id,
                "task": request.task,
                "model": request.model,
                "status": Status.QUEUED,
                "version": 1,
                "created_at": datetime.now(UTC),
                "queue_position": 0,
                "progress": {"images_total": request.n},
                "metrics": {},
                "attempt": 0,
                "max_attempts": 3,
                "request": request.model_dump(mode="json"),
                "metadata": request.metadata,
                "retried_from": retried_from,
                "batch": batch,
                "urls": {"self": self._url, "cancel": f"{self._url}/cancel", "events": f"{self._url}/events"},
            }
        )
        """The latest snapshot."""

    def annotate(self, annotation: JobAnnotation) -> Job:
        """Set what is given, and return the job."""
        if annotation.kept is not None:
            self._change(kept=annotation.kept)
        if annotation.labels is not None:
            self._change(labels=tuple(sorted(set(annotation.labels))))
        return self.job

    def advance(self) -> Job:
        """Update the job to the current time and return it."""
        if self.job.status is Status.CANCELING:
            self._change(status=Status.CANCELED, stage=None, completed_at=datetime.now(UTC))
        elif not self.job.status.is_terminal:
            elapsed = time.monotonic() - self._start
            if elapsed >= self._script.seconds:
                self._end()
            elif self._script.end is not Status.EXPIRED:  # an expired job has never run
                self._run(elapsed / self._script.seconds)
        return self.job

    def cancel(self) -> Job:
        """Cancel the job, unless it has ended."""
        if self.advance().status is Status.QUEUED:
            self._change(status=Status.CANCELED, queue_position=None, completed_at=datetime.now(UTC))
        elif self.job.status is Status.RUNNING:
            self._change(status=Status.CANCELING)
        return self.job

    def _run(self, fraction: float) -> None:
        total = self._total_steps
        step = int(fraction * total)
        done = min(step * len(self._colors) // total, self._image_limit)
        if self.job.status is Status.QUEUED or step != self.job.progress.step:
            self._change(**self._running(), **self._images(done, step))

    def _end(self) -> None:
        script, count = self._script, len(self._colors)
        done = self._image_limit
        running = {} if script.end is Status.EXPIRED else self._running()
        images = self._images(done, max(self.job.progress.step, self._total_steps * done // count))
        images["progress"] = images["progress"].model_copy(update={"images": ()})
        code = JobErrorCode(script.error or JobErrorCode.INTERNAL)
        error = JobError(code=code, message=script.message, retryable=False)
        end = {
            "status": script.end,
            "stage": None,
            "queue_position": None,
            "completed_at": datetime.now(UTC),
            "error": error if script.end is Status.FAILED else None,
            "grid": self._grid() if script.end is Status.SUCCEEDED else None,
        }
        self._change(**(running | images | end))

    def _running(self) -> dict[str, Any]:
        return {
            "status": Status.RUNNING,
            "stage": Stage.DENOISING,
            "started_at": self.job.started_at or datetime.now(UTC),
            "queue_position": None,
            "attempt": 1,
            "worker": "fake-worker",
            "device": "cpu",
        }

    def _images(self, done: int, step: int) -> dict[str, Any]:
        """Return progress and outputs with `done` finished images."""
        total = self._total_steps
        progress = Progress(
            value=step / total,
            step=step,
            steps=total,
            images_done=done,
            images_total=len(self._colors),
            images=tuple(self._image_progress(index, done, step) for index in range(len(self._colors))),
        )
        return {"progress": progress, "outputs": tuple(self._output(index) for index in range(done))}

    def _image_progress(self, index: int, done: int, step: int) -> ImageProgress:
        """Return the progress of an image; images are rendered one after another."""
        steps = self._total_steps // len(self._colors)
        own = min(max(step - index * steps, 0), steps)
        status = "succeeded" if index < done else "running" if own else "queued"
        return ImageProgress(index=index, step=own, steps=steps, status=status)

    def _output(self, index: int) -> Output:
        name = str(index)
        if name not in self.files:
            self.files[name] = plain_image(self._colors[index], *self._size)
        return Output(index=index, seed=self._request.seed + index, **self._file(name, self.files[name]))

    def _grid(self) -> Grid | None:
        if not self._request.output.grid:
            return None
        image = self.files["grid"] = tiled_image([self._colors], *self._size)
        return Grid(columns=len(self._colors), rows=1, **self._file("grid", image))

    def _file(self, name: str, image: FakeImage) -> dict[str, Any]:
        url = f"{self._url}/images/{name}"
        return {
            "url": url,
            "signed_url": url,
            "signed_url_expires_at": self.job.created_at + timedelta(hours=1),
            "content_type": "image/png",
            "width": image.width,
            "height": image.height,
            "size_bytes": len(image.data),
            "sha256": hashlib.sha256(image.data).hexdigest(),
            "pixel_sha256": image.pixel_sha256,
        }

    def _change(self, **changes: Any) -> None:
        self.job = self.job.model_copy(update={**changes, "version": self.job.version + 1})
