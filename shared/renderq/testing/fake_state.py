"""State of a fake service: models, assets, jobs, and the scripts of the jobs to come."""

import hashlib
import itertools
import threading
from collections import deque
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from renderq.contract import (
    TASKS,
    Asset,
    FieldError,
    Job,
    JobRequest,
    Model,
    ProblemKind,
    ResolvedRequest,
    Stats,
    Status,
    Worker,
    image_references,
    parse_request,
    parse_resolved_request,
)
from renderq.contract.image_references import is_asset_id
from renderq.testing.fake_images import detect_image
from renderq.testing.fake_job import FakeJob, JobScript, output_size
from renderq.testing.http_server import FakeResponse
from renderq.testing.responses import problem

DEFAULT_SEED = 42
"""Seed of requests without one, so that tests are repeatable."""


class Refusal(Exception):
    """Carries the problem document that responds to a request."""

    def __init__(self, response: FakeResponse) -> None:
        super().__init__(response.body)
        self.response = response


def fake_model(name: str = "fake") -> Model:
    """Return a model that supports every task, with the defaults of Stable Diffusion 1."""
    return Model.model_validate(
        {
            "name": name,
            "family": "stable_diffusion",
            "tasks": tuple(TASKS),
            "revision": "1",
            "default": True,
            "defaults": {"width": 512, "height": 512, "steps": 20, "guidance_scale": 7.5},
            "limits": {"max_side": 2048, "max_pixels": 2048 * 2048},
            "queued_jobs": 0,
            "workers": 1,
            "warm_workers": 1,
        }
    )


class FakeState:
    """State behind the routes. Thread-safe."""

    def __init__(self, base_url: str, models: tuple[Model, ...]) -> None:
        self.models = models
        self.started_at = datetime.now(UTC)
        self.scripts: deque[JobScript] = deque()
        """Scripts of the next jobs."""
        self.refusals: deque[FakeResponse] = deque()
        """Responses to the next submissions."""
        self._base_url = base_url
        self._assets: dict[str, tuple[Asset, bytes]] = {}
        self._jobs: dict[str, FakeJob] = {}
        self._numbers = itertools.count(1)
        self._submitted: dict[str, tuple[object, str]] = {}
        """Idempotency key → request and job id."""
        self._lock = threading.RLock()

    def submit(self, body: object, idempotency_key: str | None) -> tuple[Job, bool]:
        """Accept a request. Returns the job and whether the request is a replay. Raises `Refusal`."""
        with self._lock:
            if self.refusals:
                raise Refusal(self.refusals.popleft())
            if idempotency_key in self._submitted:
                earlier, job_id = self._submitted[idempotency_key]
                if earlier != body:
                    raise Refusal(problem(ProblemKind.IDEMPOTENCY_KEY_REUSE))
                return self.job(job_id), True
            job = self._add(self._resolve(self._parse(body)))
            if idempotency_key:
                self._submitted[idempotency_key] = (body, job.id)
            return job, False

    def retry(self, job_id: str) -> Job:
        """Submit the request of an unsuccessful job again. Raises `Refusal`."""
        with self._lock:
            job = self.job(job_id)
            if not job.status.is_terminal:
                raise Refusal(problem(ProblemKind.JOB_NOT_TERMINAL))
            if job.status is Status.SUCCEEDED:
                raise Refusal(problem(ProblemKind.JOB_SUCCEEDED))
            return self._add(parse_resolved_request(job.request), retried_from=job_id)

    def job(self, job_id: str) -> Job:
        """Return the current snapshot of a job. Raises `Refusal`."""
        with self._lock:
            return self._job(job_id).advance()

    def jobs(self) -> list[Job]:
        """Return all jobs, oldest first."""
        with self._lock:
            return [job.advance() for job in self._jobs.values()]

    def cancel(self, job_id: str) -> Job:
        """Cancel a job; one that has ended stays as it is. Raises `Refusal`."""
        with self._lock:
            return self._job(job_id).cancel()

    def delete(self, job_id: str) -> None:
        """Delete a job that has ended. Raises `Refusal`."""
        with self._lock:
            if not self.job(job_id).status.is_terminal:
                raise Refusal(problem(ProblemKind.JOB_NOT_TERMINAL))
            del self._jobs[job_id]

    def image(self, job_id: str, name: str) -> bytes:
        """Return a finished file of a job. `name`: its index, or `grid`. Raises `Refusal`."""
        with self._lock:
            image = self._job(job_id).files.get(name)
            if image is None:
                raise Refusal(problem(ProblemKind.NOT_FOUND, f"{job_id} has no image {name}"))
            return image.data

    def upload(self, data: bytes) -> Asset:
        """Store a file. Raises `Refusal`."""
        info = detect_image(data)
        if info is None:
            raise Refusal(problem(ProblemKind.UNSUPPORTED_MEDIA_TYPE, "the file is not a PNG, JPEG or WebP image"))
        content_type, width, height = info
        digest = hashlib.sha256(data).hexdigest()
        asset = Asset.model_validate(
            {
                "id": f"asset_{digest}",
                "content_type": content_type,
                "width": width,
                "height": height,
                "size_bytes": len(data),
                "sha256": digest,
                "created_at": datetime.now(UTC),
                "expires_at": None,
                "url": f"{self._base_url}/v1/assets/asset_{digest}/content",
            }
        )
        with self._lock:
            self._assets[asset.id] = (asset, data)
        return asset

    def asset(self, asset_id: str) -> tuple[Asset, bytes]:
        """Return an uploaded file. Raises `Refusal`."""
        with self._lock:
            if asset_id not in self._assets:
                raise Refusal(problem(ProblemKind.NOT_FOUND, f"there is no asset {asset_id}"))
            return self._assets[asset_id]

    def model(self, name: str) -> Model:
        """Return a model. Raises `Refusal`."""
        for model in self.models:
            if model.name == name:
                return model
        raise Refusal(problem(ProblemKind.NOT_FOUND, f"there is no model {name}"))

    def workers(self) -> list[Worker]:
        """Return the one fake worker."""
        names = tuple(model.name for model in self.models)
        running = sum(job.status is Status.RUNNING for job in self.jobs())
        return [
            Worker(
                id="fake-worker",
                device="cpu",
                models=names,
                resident_models=names,
                jobs=running,
                draining=False,
                started_at=self.started_at,
                seen_at=datetime.now(UTC),
            )
        ]

    def stats(self) -> Stats:
        """Return job counts; none by model."""
        statuses = [job.status for job in self.jobs()]
        return Stats(
            queued_jobs=statuses.count(Status.QUEUED),
            running_jobs=statuses.count(Status.RUNNING),
            workers=1,
            models=(),
        )

    def _job(self, job_id: str) -> FakeJob:
        if job_id not in self._jobs:
            raise Refusal(problem(ProblemKind.NOT_FOUND, f"there is no job {job_id}"))
        return self._jobs[job_id]

    def _add(self, request: ResolvedRequest, retried_from: str | None = None) -> Job:
        script = self.scripts.popleft() if self.scripts else JobScript()
        job = FakeJob(f"job_{next(self._numbers)}", request, script, self._base_url, retried_from)
        self._jobs[job.job.id] = job
        return job.job

    def _parse(self, body: object) -> JobRequest:
        try:
            request = parse_request(body)  # pyright: ignore[reportArgumentType] — any JSON value may arrive
        except ValidationError as error:
            raise Refusal(problem(ProblemKind.INVALID_REQUEST, errors=map(_field_error, error.errors()))) from None
        for field, reference in image_references(request).items():
            if is_asset_id(reference) and reference not in self._assets:
                raise Refusal(_field_problem(ProblemKind.ASSET_NOT_FOUND, field, f"there is no asset {reference}"))
        return request

    def _resolve(self, request: JobRequest) -> ResolvedRequest:
        """Fill in all defaults. Raises `Refusal`."""
        model = self._model_of(request)
        defaults = {**model.defaults.model_dump(), "model": model.name, "seed": DEFAULT_SEED}
        fields = {name: defaults.get(name) if value is None else value for name, value in request}
        resolved = parse_resolved_request(fields)
        if max(output_size(resolved)) > model.limits.max_side:
            detail = f"May be at most {model.limits.max_side}, not {max(output_size(resolved))}."
            raise Refusal(_field_problem(ProblemKind.TOO_MANY_PIXELS, "width", detail))
        return resolved

    def _model_of(self, request: JobRequest) -> Model:
        for model in self.models:
            if model.default if request.model is None else model.name == request.model:
                if request.task not in model.tasks:
                    detail = f"{model.name} does not support {request.task}"
                    raise Refusal(_field_problem(ProblemKind.TASK_NOT_SUPPORTED, "task", detail))
                return model
        raise Refusal(_field_problem(ProblemKind.MODEL_NOT_FOUND, "model", f"there is no model {request.model}"))


def _field_problem(kind: ProblemKind, field: str, detail: str) -> FakeResponse:
    """Return a problem document about one field."""
    return problem(kind, detail, errors=[FieldError(pointer=f"/{field}", code=kind, detail=detail)])


def _field_error(error: Any) -> FieldError:
    pointer = "".join(f"/{part}" for part in error["loc"])
    return FieldError(pointer=pointer, code=error["type"], detail=error["msg"])
