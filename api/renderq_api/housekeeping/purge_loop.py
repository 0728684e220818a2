"""Purge loop: go on with the purges in progress.

The job store has a purge until nothing of the tenant is left. So a process may die at any point; another one goes on.
"""

import asyncio

import structlog

from renderq_api.history import Archiver
from renderq_api.housekeeping.jitter import jittered
from renderq_api.housekeeping.tenant_purge import PurgeEnded, TenantPurge
from renderq_shared.errors import (
    HistoryUnavailable,
    HistoryUnsuitable,
    ObjectStoreUnavailable,
    StoreUnavailable,
)
from renderq_shared.history import History
from renderq_shared.jobs import AsyncJobStore, commands
from renderq_shared.objects import ObjectStore
from renderq_shared.settings import ApiSettings

log = structlog.get_logger(__name__)

_LEASE_MS = 60_000

_RETRY_MS = 1_000
"""Pause before a purge that waits for a worker, the history or the object store goes on."""


class PurgeLoop:
    """Works on purges in a loop, one at a time."""

    def __init__(
        self, jobs: AsyncJobStore, archiver: Archiver, history: History, objects: ObjectStore, settings: ApiSettings
    ) -> None:
        self._jobs = jobs
        self._archiver = archiver
        self._history = history
        self._objects = objects
        self._pause_s = settings.sweep_seconds
        self._problem: str | None = None
        """Why a purge could not go on last time."""

    async def run(self) -> None:
        """Work on purges until canceled."""
        while True:
            try:
                while await self.run_once():
                    pass
            except StoreUnavailable:
                pass  # the sweeper logs it
            await asyncio.sleep(jittered(self._pause_s))

    async def run_once(self) -> bool:
        """Work on the purge that has waited longest, and return whether there was one."""
        record = await self._jobs.call(commands.claim_purge(_LEASE_MS))
        if record is None:
            return False
        purge = TenantPurge(record, self._jobs, self._history, self._objects, _LEASE_MS)
        try:
            await self._archiver.migrate()
            if await purge.run():
                log.info("purge.completed", tenant=record.tenant, jobs=purge.jobs)
            else:
                await self._jobs.call(commands.renew_purge(record, _RETRY_MS, purge.jobs))
            self._problem = None
        except PurgeEnded:
            pass
        except (HistoryUnavailable, HistoryUnsuitable, ObjectStoreUnavailable) as error:
            await self._jobs.call(commands.renew_purge(record, _RETRY_MS, purge.jobs))
            if self._problem is None:
                log.warning("purge.interrupted", tenant=record.tenant, reason=str(error))
            self._problem = str(error)
        return True
