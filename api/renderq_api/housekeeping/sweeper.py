"""Housekeeping, in every API process: put back what lost its worker, end what is too late, keep workers awake.

Each sweep is one bounded call that is safe to run twice, so several processes need no leader.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable

import structlog

from renderq_shared.errors import RenderqSharedError
from renderq_shared.jobs import AsyncJobStore, ModelQueue, SweepResult, commands
from renderq_shared.settings.models import ApiSettings
from renderq_shared.wakeups import WakeupPublisher

log = structlog.get_logger(__name__)

_LIMIT = 100
"""Jobs of each kind that one call may touch; it keeps Redis for about a millisecond."""

_JITTER = 0.25
"""Share of the pause by which it varies, so that processes drift apart."""

_random = random.SystemRandom()


def top_up_wakeups(wakeups: WakeupPublisher, queues: Iterable[ModelQueue], bound: int) -> None:
    """Fill up each served model's wake-ups to one per job that may be given out, at most `bound`."""
    for queue in queues:
        missing = min(queue.claimable, bound) - queue.pending_wakeups
        if queue.has_worker and missing > 0:
            wakeups.notify(queue.model, missing)


class Sweeper:
    """Sweeps for ever. An outage of Redis is logged once, and after it `arrive` runs again."""

    def __init__(
        self,
        jobs: AsyncJobStore,
        wakeups: WakeupPublisher,
        settings: ApiSettings,
        register: Callable[[], Awaitable[None]],
    ) -> None:
        """`arrive` does what a process owes to a Redis that it has not met: checks and announcements."""
        self._jobs = jobs
        self._wakeups = wakeups
        self._lease_ms = round(settings.lease_seconds * 1000)
        # A gap of a lease between two sweeps counts as an outage, after which no lease is judged.
        self._pause_s = min(settings.sweep_seconds, settings.lease_seconds / 3)
        self._max_pending_wakeups = settings.max_pending_wakeups
        self._register = register

    async def run(self, registered: bool) -> None:
        """Until cancelled. `arrived`: whether Redis has been met already."""
        away = False
        while True:
            try:
                if not registered:
                    await self._register()
                await self.sweep()
                if away:
                    log.info("sweeping_again")
                registered, away = True, False
            except RenderqSharedError as error:
                if not away:
                    log.warning("sweeping_paused", reason=str(error))
                registered, away = False, True
            except Exception:
                log.exception("sweep_failed")
            await asyncio.sleep(self._pause_s * _random.uniform(1 - _JITTER, 1 + _JITTER))

    async def sweep(self) -> None:
        """Sweep until nothing is left to do, then wake workers."""
        while (swept := await self._sweep_batch()).more:
            pass
        top_up_wakeups(self._wakeups, swept.queues, self._max_pending_wakeups)

    async def _sweep_batch(self) -> SweepResult:
        swept = await self._jobs.call(commands.sweep(self._lease_ms, _LIMIT))
        news = {
            name: jobs
            for name in ("requeued", "lost", "canceled", "expired", "deadline_exceeded")
            if (jobs := getattr(swept, name))
        }
        if news or swept.extended:
            log.info("swept", **news, leases_extended=swept.extended)
        return swept
