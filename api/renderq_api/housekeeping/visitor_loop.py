"""Visitor loop: when a visitor expires, begin the purge of its data, and delete its key.

The purge comes first: a process may die in between, and the key leads the next one to the data. A request that was
admitted before cannot submit later, because the job store compares the end of the visitor with its own clock.
"""

import asyncio

import structlog

from renderq_api.housekeeping.jitter import jittered
from renderq_shared.access import AsyncKeyStore, visitor_tenant
from renderq_shared.errors import StoreUnavailable
from renderq_shared.jobs import AsyncJobStore, commands

log = structlog.get_logger(__name__)

_LIMIT = 100


class VisitorLoop:
    """Removes expired visitors in a loop, also where new ones are no longer admitted."""

    def __init__(self, keys: AsyncKeyStore, jobs: AsyncJobStore, pause_s: float) -> None:
        self._keys = keys
        self._jobs = jobs
        self._pause_s = pause_s

    async def run(self) -> None:
        """Remove expired visitors until canceled."""
        while True:
            try:
                while await self.run_once():
                    pass
            except StoreUnavailable:
                pass  # the sweeper logs it
            await asyncio.sleep(jittered(self._pause_s))

    async def run_once(self) -> bool:
        """Remove some visitors, and return whether there were any."""
        expired = await self._keys.expired_visitors(_LIMIT)
        for key_id in expired:
            await self._jobs.call(commands.start_purge(visitor_tenant(key_id)))
        if expired:
            await self._keys.remove_visitors(expired)
            log.info("visitors.expired", count=len(expired))
        return bool(expired)
