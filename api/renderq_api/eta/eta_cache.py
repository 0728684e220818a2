"""In-process cache of all models' timings, and the estimates computed from them."""

import asyncio
import contextlib

from renderq.contract import Eta, Status
from renderq_api.eta.estimator import queued_eta, running_eta, seconds_per_image
from renderq_shared.errors import StoreUnavailable
from renderq_shared.jobs import AsyncJobStore, JobRecord, ModelTimings, QueuePosition, commands
from renderq_shared.jobs.stored_results import decode_progress

_PAUSE_S = 2.0


class EtaCache:
    """Cache of model timings. Empty until `run` has read them once; a few seconds old while Redis is up."""

    def __init__(self, jobs: AsyncJobStore) -> None:
        self._jobs = jobs
        self._timings: dict[str, ModelTimings] = {}

    async def run(self) -> None:
        """Refresh the timings until canceled."""
        while True:
            await self.refresh()
            await asyncio.sleep(_PAUSE_S)

    async def refresh(self) -> None:
        """Read the timings; keep the old ones while Redis is down."""
        with contextlib.suppress(StoreUnavailable):  # the sweeper logs it
            self._timings = {timings.model: timings for timings in await self._jobs.call(commands.timings())}

    def eta(self, record: JobRecord, position: QueuePosition | None) -> Eta | None:
        """Return the time until the job ends; `None` without timings, and for a terminal or paused job."""
        timings = self._timings.get(record.model)
        if timings is None or record.cost <= 0:
            return None
        if record.status is Status.RUNNING:
            return running_eta(timings, record.cost, record.images, decode_progress(record.progress_json).fraction)
        if position is None or position.paused:
            return None
        return queued_eta(timings, record.cost, record.images, position.cost_ahead)

    def seconds_per_image(self, model: str, cost: float) -> float | None:
        """Return the median time of an image of this cost on a warm worker; `None` without timings."""
        timings = self._timings.get(model)
        return None if timings is None else seconds_per_image(timings, cost)
