"""Sweeper: expire jobs past their deadline, requeue or fail jobs whose lease expired, top up wake-ups.

Each sweep is one bounded, idempotent call, so several processes need no leader.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

import structlog

from renderq_api.housekeeping.jitter import jittered
from renderq_shared.errors import RenderqSharedError
from renderq_shared.jobs import AsyncJobStore, ModelQueue, SweepResult, commands
from renderq_shared.outage import Outage
from renderq_shared.settings import ApiSettings
from renderq_shared.wakeups import WakeupPublisher

log = structlog.get_logger(__name__)

_LIMIT = 100
"""Maximum number of jobs of each kind per call, which blocks Redis for about a millisecond."""


def top_up_wakeups(wakeups: WakeupPublisher, queues: Iterable[ModelQueue], max_pending: int) -> None:
    """Publish wake-ups for each model with a worker: one per claimable job, at most `max_pending` pending."""
    for queue in queues:
        missing = min(queue.claimable, max_pending) - queue.pending_wakeups
        if queue.has_worker and missing > 0:
            wakeups.notify(queue.model, missing)


class Sweeper:
    """Sweeps in a loop. Logs that Redis does not answer or refuses jobs, and calls `register` again afterwards."""

    def __init__(
        self,
        jobs: AsyncJobStore,
        wakeups: WakeupPublisher,
        settings: ApiSettings,
        register: Callable[[], Awaitable[None]],
    ) -> None:
        """`register` checks a Redis server and publishes the store id, at the start and after an outage."""
        self._jobs = jobs
        self._wakeups = wakeups
        self._lease_ms = round(settings.lease_seconds * 1000)
        # The store treats a gap of half a lease between two sweeps as an outage, and then extends leases.
        self._pause_s = min(settings.sweep_seconds, settings.lease_seconds / 4)
        self._max_pending_wakeups = settings.max_pending_wakeups
        self._register = register

    async def run(self, registered: bool) -> None:
        """Sweep until canceled. `registered`: whether `register` has already succeeded.

        Sweeps come first, because a full server lets jobs end but refuses to submit and to register.
        """
        outage = Outage()
        while True:
            try:
                await self.sweep()
                await self._jobs.call(commands.check_submission())
                if not registered:
                    await self._register()
                if outage.end():
                    log.info("redis.available")
                registered = True
            except RenderqSharedError as error:
                if outage.has_new_cause(error):
                    log.warning("redis.unavailable", reason=str(error))
                registered = False
            await asyncio.sleep(jittered(self._pause_s))

    async def sweep(self) -> None:
        """Sweep all batches, then wake workers."""
        while (result := await self._sweep_batch()).more:
            pass
        top_up_wakeups(self._wakeups, result.queues, self._max_pending_wakeups)

    async def _sweep_batch(self) -> SweepResult:
        result = await self._jobs.call(commands.sweep(self._lease_ms, _LIMIT))
        for job in result.ended:
            log.info("job.ended", job_id=job.id, **job.log_fields)
        changes = {
            name: jobs
            for name in ("requeued", "lost", "canceled", "expired", "deadline_exceeded")
            if (jobs := getattr(result, name))
        }
        if changes or result.extended:
            log.info("sweep.applied", **changes, leases_extended=result.extended)
        return result
