"""The latest paces of all models, looked up every two seconds, and the estimates that follow from them."""

import asyncio
import contextlib

import structlog

from renderq.contract import Eta, Status
from renderq_api.eta.estimator import queued_eta, running_eta, seconds_per_image
from renderq_shared.errors import StoreUnavailable
from renderq_shared.jobs import AsyncJobStore, JobRecord, ModelTimings, QueuePosition, commands
from renderq_shared.jobs.stored_results import decode_progress

log = structlog.get_logger(__name__)

_PAUSE_S = 2.0


class EtaCache:
    """Knows nothing until `run` has asked once; what it knows is a few seconds old at most while Redis answers."""

    def __init__(self, jobs: AsyncJobStore) -> None:
        self._jobs = jobs
        self._paces: dict[str, ModelTimings] = {}

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.refresh()
            except Exception:
                log.exception("paces_failed")
            await asyncio.sleep(_PAUSE_S)

    async def refresh(self) -> None:
        with contextlib.suppress(StoreUnavailable):  # the sweeps tell of it
            self._paces = {pace.model: pace for pace in await self._jobs.call(commands.timings())}

    def eta(self, record: JobRecord, place: QueuePosition | None) -> Eta | None:
        """Until its end; `None` where nothing is known, and for a job that has ended, is to stop or is paused."""
        pace = self._paces.get(record.model)
        if pace is None or record.cost <= 0:
            return None
        if record.status is Status.RUNNING:
            return running_eta(pace, record.cost, record.images, decode_progress(record.progress_json).fraction)
        if place is None or place.paused:
            return None
        return queued_eta(pace, record.cost, record.images, place.cost_ahead)

    def seconds_per_image(self, model: str, cost: float) -> float | None:
        """Median time of an image of this cost on a warm worker."""
        pace = self._paces.get(model)
        return None if pace is None else seconds_per_image(pace, cost)
