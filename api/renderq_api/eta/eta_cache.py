"""In-process cache of all models' timings, and the estimates computed from them."""

import asyncio
import contextlib

from renderq.contract import Eta, Status
from renderq_api.eta.estimator import QueuedEstimate, queued_estimate, queued_eta, running_eta, seconds_per_image
from renderq_shared.errors import StoreUnavailable
from renderq_shared.jobs import AsyncJobStore, JobRecord, ModelTimings, QueuedJob, QueuePosition, commands
from renderq_shared.jobs.stored_results import decode_progress

_PAUSE_S = 2.0


class EtaCache:
    """Cache of model timings. Empty until `run` has read them once; a few seconds old while Redis is up."""

    def __init__(self, jobs: AsyncJobStore) -> None:
        self._jobs = jobs
        self._timings: dict[str, ModelTimings] = {}
        self._estimates: dict[tuple[str, float, int], QueuedEstimate | None] = {}
        """Model, cost and images of a queued job → its times. Many jobs in a queue are of one kind."""

    async def run(self) -> None:
        """Refresh the timings until canceled."""
        while True:
            await self.refresh()
            await asyncio.sleep(_PAUSE_S)

    async def refresh(self) -> None:
        """Read the timings; keep the old ones while Redis is down."""
        with contextlib.suppress(StoreUnavailable):  # the sweeper logs it
            self._timings = {timings.model: timings for timings in await self._jobs.call(commands.timings())}
            self._estimates.clear()

    def eta(self, record: JobRecord, position: QueuePosition | None) -> Eta | None:
        """Return the time until the job ends; `None` without timings, and for a terminal or paused job."""
        if position is not None:
            return self.queued_eta(QueuedJob(record.id, record.model, record.images, record.cost, position))
        timings = self._timings.get(record.model)
        if timings is None or record.cost <= 0 or record.status is not Status.RUNNING:
            return None
        return running_eta(timings, record.cost, record.images, decode_progress(record.progress_json).fraction)

    def queued_eta(self, job: QueuedJob) -> Eta | None:
        """Return the time until a queued job ends; `None` without timings, and while it is paused."""
        estimate = self._estimate(job)
        return estimate and queued_eta(estimate, job.position.cost_ahead)

    def wait_s(self, job: QueuedJob) -> float | None:
        """Return the median time until a queued job starts, in seconds; `None` as for `queued_eta`."""
        estimate = self._estimate(job)
        return estimate and estimate[0].until_start(job.position.cost_ahead) / 1000

    def _estimate(self, job: QueuedJob) -> QueuedEstimate | None:
        if job.cost <= 0 or job.position.paused:
            return None
        kind = (job.model, job.cost, job.images)
        if kind not in self._estimates:
            timings = self._timings.get(job.model)
            self._estimates[kind] = timings and queued_estimate(timings, job.cost, job.images)
        return self._estimates[kind]

    def seconds_per_image(self, model: str, cost: float) -> float | None:
        """Return the median time of an image of this cost on a warm worker; `None` without timings."""
        timings = self._timings.get(model)
        return None if timings is None else seconds_per_image(timings, cost)
