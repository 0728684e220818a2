"""State of a fake service: models, assets, jobs, and the scripts of the jobs to come."""

import hashlib
import itertools
import threading
from collections import deque
from datetime import UTC, datetime, timedelta

from renderq.contract import (
    PROBLEMS,
    TASKS,
    Asset,
    CallerLimits,
    CancelJobs,
    CancelJobsResult,
    DeleteJobs,
    DeleteJobsResult,
    ImageLink,
    ImageLinkOptions,
    Job,
    JobAnnotation,
    JobBatch,
    JobRefusal,
    LoadHistory,
    LoadMinute,
    Me,
    Model,
    MoveJob,
    ProblemKind,
    Purge,
    ResolvedRequest,
    Stats,
    Status,
    Worker,
    parse_resolved_request,
)
from renderq.contract.image_references import is_asset_id, parse_job_image
from renderq.testing.fake_images import detect_image
from renderq.testing.fake_job import FakeJob, JobScript
from renderq.testing.fake_resolution import resolve
from renderq.testing.http_server import FakeResponse
from renderq.testing.refusals import Refusal, validated
from renderq.testing.responses import problem
from renderq.version import version

TENANT = "default"
"""The one tenant, as on a service without API keys."""


def fake_model(name: str = "fake") -> Model:
    """Return a model that supports every task, with the defaults of Stable Diffusion 1 and a LoRA `ink`."""
    return Model.model_validate(
        {
            "name": name,
            "family": "stable_diffusion",
            "tasks": tuple(TASKS),
            "revision": "1",
            "default": True,
            "defaults": {"width": 512, "height": 512, "steps": 20, "guidance_scale": 7.5},
            "limits": {"max_side": 2048, "max_pixels": 2048 * 2048, "max_noise_level": 350, "max_images": 4},
            "loras": ({"name": "ink", "revision": "1"},),
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
        self.base_url = base_url
        self.lock = threading.RLock()
        self._assets: dict[str, tuple[Asset, bytes]] = {}
        self._jobs: dict[str, FakeJob] = {}
        self._numbers = itertools.count(1)
        self._submitted: dict[str, tuple[object, str]] = {}
        """Idempotency key → request, and id of the job or the batch."""
        self._purges: dict[str, Purge] = {}
        self._is_draining = False

    def submit(self, body: object, idempotency_key: str | None) -> tuple[Job, bool]:
        """Accept a request. Returns the job and whether the request is a replay. Raises `Refusal`."""
        with self.lock:
            self.raise_refusal()
            if earlier := self._replay(idempotency_key, body):
                return earlier, True
            job = self.add(self.resolve(body))
            self.remember(idempotency_key, body, job.id)
            return job, False

    def retry(self, job_id: str, idempotency_key: str | None) -> tuple[Job, bool]:
        """Submit the request of an unsuccessful job again, as `submit`. Raises `Refusal`."""
        with self.lock:
            job = self.job(job_id)
            if earlier := self._replay(idempotency_key, ("retry", job_id)):
                return earlier, True
            if not job.status.is_terminal:
                raise Refusal(problem(ProblemKind.JOB_NOT_TERMINAL))
            if job.status is Status.SUCCEEDED:
                raise Refusal(problem(ProblemKind.JOB_SUCCEEDED))
            retried = self.add(parse_resolved_request(job.request), retried_from=job_id)
            self.remember(idempotency_key, ("retry", job_id), retried.id)
            return retried, False

    def raise_refusal(self) -> None:
        """Raise the next of `refusals`, if any."""
        if self.refusals:
            raise Refusal(self.refusals.popleft())

    def replayed_id(self, key: str | None, request: object) -> str | None:
        """Return the id of what a request with this key has made. Raises `Refusal` if it was another request."""
        if key not in self._submitted:
            return None
        earlier, accepted_id = self._submitted[key]
        if earlier != request:
            raise Refusal(problem(ProblemKind.IDEMPOTENCY_KEY_REUSE))
        return accepted_id

    def remember(self, key: str | None, request: object, accepted_id: str) -> None:
        """Let later requests with this key be replays."""
        if key:
            self._submitted[key] = (request, accepted_id)

    def resolve(self, body: object) -> ResolvedRequest:
        """Check a request and fill in all defaults. Raises `Refusal`."""
        return resolve(body, self.models, self._has_image)

    def add(self, request: ResolvedRequest, retried_from: str | None = None, batch: JobBatch | None = None) -> Job:
        """Add a job, which follows the next script."""
        script = self.scripts.popleft() if self.scripts else JobScript()
        job = FakeJob(self.new_id("job"), request, script, self.base_url, retried_from, batch)
        self._jobs[job.job.id] = job
        return job.job

    def new_id(self, prefix: str) -> str:
        """Return an id that nothing else has."""
        return f"{prefix}_{next(self._numbers)}"

    def job(self, job_id: str) -> Job:
        """Return the current snapshot of a job. Raises `Refusal`."""
        with self.lock:
            return self._job(job_id).advance()

    def jobs(self) -> list[Job]:
        """Return all jobs, oldest first."""
        with self.lock:
            return [job.advance() for job in self._jobs.values()]

    def cancel(self, job_id: str) -> Job:
        """Cancel a job; one that has ended stays as it is. Raises `Refusal`."""
        with self.lock:
            return self._job(job_id).cancel()

    def move(self, job_id: str, body: object) -> Job:
        """Return a queued job, whose place is always the first. Raises `Refusal`."""
        moved = validated(MoveJob, body)
        with self.lock:
            jobs = [self.job(each) for each in (job_id, moved.before) if each]
        if any(job.status is not Status.QUEUED for job in jobs):
            raise Refusal(problem(ProblemKind.JOB_NOT_QUEUED))
        return jobs[0]

    def annotate(self, job_id: str, body: object) -> Job:
        """Keep or label a job. Raises `Refusal`."""
        annotation = validated(JobAnnotation, body)
        with self.lock:
            return self._job(job_id).annotate(annotation)

    def delete(self, job_id: str) -> None:
        """Delete a job that has ended. Raises `Refusal`."""
        with self.lock:
            if not self.job(job_id).status.is_terminal:
                raise Refusal(problem(ProblemKind.JOB_NOT_TERMINAL))
            del self._jobs[job_id]

    def purge(self, tenant: str) -> Purge:
        """Delete all data of a tenant at once."""
        with self.lock:
            jobs, assets = (len(self._jobs), len(self._assets)) if tenant == TENANT else (0, 0)
            if tenant == TENANT:
                self._jobs.clear()
                self._assets.clear()
                self._submitted.clear()
            now = datetime.now(UTC)
            purge = Purge(tenant=tenant, started_at=now, completed_at=now, jobs=jobs, assets=assets)
            self._purges[tenant] = purge
            return purge

    def last_purge(self, tenant: str) -> Purge:
        """Return the last purge of a tenant. Raises `Refusal`."""
        if tenant not in self._purges:
            raise Refusal(problem(ProblemKind.NOT_FOUND, f"no data of {tenant} was deleted"))
        return self._purges[tenant]

    def cancel_jobs(self, body: object) -> CancelJobsResult:
        """Cancel many jobs. Raises `Refusal`."""
        chosen = validated(CancelJobs, body)
        with self.lock:
            queued = [
                job.id for job in self.jobs() if job.status is Status.QUEUED and chosen.model in {None, job.model}
            ]
            ids = list(dict.fromkeys(queued if chosen.ids is None else chosen.ids))
            known = [self.cancel(job_id).status for job_id in ids if job_id in self._jobs]
        canceled = sum(status in {Status.CANCELED, Status.CANCELING} for status in known)
        refusals = tuple(_refusal(ProblemKind.NOT_FOUND, job_id) for job_id in ids if job_id not in self._jobs)
        return CancelJobsResult(canceled=canceled, unchanged=len(known) - canceled, refusals=refusals)

    def delete_jobs(self, body: object) -> DeleteJobsResult:
        """Delete many jobs. Raises `Refusal`."""
        ids = list(dict.fromkeys(validated(DeleteJobs, body).ids))
        refusals: list[JobRefusal] = []
        for job_id in ids:
            try:
                self.delete(job_id)
            except Refusal:
                kind = ProblemKind.JOB_NOT_TERMINAL if job_id in self._jobs else ProblemKind.NOT_FOUND
                refusals.append(_refusal(kind, job_id))
        return DeleteJobsResult(deleted=len(ids) - len(refusals), refusals=tuple(refusals))

    def image(self, job_id: str, name: str) -> bytes:
        """Return a finished file of a job. `name`: its index, or `grid`. Raises `Refusal`."""
        with self.lock:
            image = self._job(job_id).files.get(name)
            if image is None:
                raise Refusal(problem(ProblemKind.NOT_FOUND, f"{job_id} has no image {name}"))
            return image.data

    def link(self, job_id: str, name: str, body: object) -> ImageLink:
        """Return a link to a finished file of a job, which works forever. Raises `Refusal`."""
        options = validated(ImageLinkOptions, body)
        self.image(job_id, name)
        expires_at = datetime.now(UTC) + timedelta(seconds=options.seconds or 3600)
        return ImageLink(url=f"{self.base_url}/v1/jobs/{job_id}/images/{name}", expires_at=expires_at)

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
                "url": f"{self.base_url}/v1/assets/asset_{digest}/content",
            }
        )
        with self.lock:
            self._assets[asset.id] = (asset, data)
        return asset

    def asset(self, asset_id: str) -> tuple[Asset, bytes]:
        """Return an uploaded file. Raises `Refusal`."""
        with self.lock:
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
                draining=self._is_draining,
                memory_bytes=2**30,
                started_at=self.started_at,
                seen_at=datetime.now(UTC),
            )
        ]

    def drain(self, worker_id: str) -> Worker:
        """Note that the worker is to drain; jobs go on all the same. Raises `Refusal`."""
        [worker] = self.workers()
        if worker.id != worker_id:
            raise Refusal(problem(ProblemKind.NOT_FOUND, f"there is no worker {worker_id}"))
        self._is_draining = True
        return worker.model_copy(update={"draining": True})

    def me(self) -> Me:
        """Return the caller: an admin without a key, whatever key the service requires."""
        return Me(
            tenant="default",
            role="admin",
            key=None,
            limits=CallerLimits(queued_jobs=1_000, requests_per_minute=None),
            version=version(),
            image_delivery="redirect",
            retention_seconds=None,
        )

    def stats(self) -> Stats:
        """Return job counts; none by model."""
        statuses = [job.status for job in self.jobs()]
        return Stats(
            queued_jobs=statuses.count(Status.QUEUED),
            running_jobs=statuses.count(Status.RUNNING),
            workers=1,
            models=(),
        )

    def load_history(self) -> LoadHistory:
        """Return the current minute."""
        statuses = [job.status for job in self.jobs()]
        return LoadHistory(
            data=(
                LoadMinute(
                    started_at=datetime.now(UTC).replace(second=0, microsecond=0),
                    queued_jobs=statuses.count(Status.QUEUED),
                    running_jobs=statuses.count(Status.RUNNING),
                    succeeded_jobs=statuses.count(Status.SUCCEEDED),
                    failed_jobs=statuses.count(Status.FAILED),
                    canceled_jobs=statuses.count(Status.CANCELED),
                    expired_jobs=statuses.count(Status.EXPIRED),
                ),
            )
        )

    def _replay(self, key: str | None, request: object) -> Job | None:
        """Return the job that a request with this key has made. Raises `Refusal`."""
        job_id = self.replayed_id(key, request)
        return self.job(job_id) if job_id else None

    def _job(self, job_id: str) -> FakeJob:
        if job_id not in self._jobs:
            raise Refusal(problem(ProblemKind.NOT_FOUND, f"there is no job {job_id}"))
        return self._jobs[job_id]

    def _has_image(self, reference: str) -> bool:
        if job_image := parse_job_image(reference):
            job_id, index = job_image
            return job_id in self._jobs and str(index) in self._jobs[job_id].files
        return not is_asset_id(reference) or reference in self._assets


def _refusal(kind: ProblemKind, job_id: str) -> JobRefusal:
    return JobRefusal(id=job_id, code=kind, detail=f"{PROBLEMS[kind].title}.")
