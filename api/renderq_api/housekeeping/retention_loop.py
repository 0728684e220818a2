"""Retention: archive ended jobs, delete old jobs and unused assets with their files.

Job store and history return the pending work and repeat it until it is confirmed. So a process may die at any point,
and several processes need no leader. Separate from the sweeper because database and object store may be slow.
"""

import asyncio
from collections.abc import Iterable

import structlog

from renderq_api.history import Archiver
from renderq_api.housekeeping.jitter import jittered
from renderq_shared.errors import ObjectStoreUnavailable, StoreUnavailable
from renderq_shared.jobs import AsyncJobStore, Retention, commands
from renderq_shared.objects import ObjectStore
from renderq_shared.outage import Outage
from renderq_shared.settings import ApiSettings

log = structlog.get_logger(__name__)

_LIMIT = 100
"""Maximum number of jobs and assets of each kind per call."""

_LEASE_MS = 60_000
"""Lease on returned work. Afterward the store returns unconfirmed deletions and jobs to the next caller."""


class RetentionLoop:
    """Applies retention in a loop."""

    def __init__(self, jobs: AsyncJobStore, archiver: Archiver, objects: ObjectStore, settings: ApiSettings) -> None:
        self._jobs = jobs
        self._archiver = archiver
        self._objects = objects
        self._policy = _policy(settings)
        self._pause_s = settings.sweep_seconds

    async def run(self) -> None:
        """Apply retention until canceled."""
        outage = Outage()
        while True:
            try:
                while await self.run_once():
                    pass
                outage.end()
            except StoreUnavailable as error:
                if error.key and outage.has_new_cause(error):  # the sweeper logs what it sees, too
                    log.warning("retention.failed", reason=str(error))
            await asyncio.sleep(jittered(self._pause_s))

    async def run_once(self) -> bool:
        """Run one batch, and return whether more is pending."""
        result = await self._jobs.call(commands.apply_retention(self._policy, _LEASE_MS, _LIMIT))
        if result.assets_expired:
            log.info("retention.applied", assets_expired=result.assets_expired)
        await asyncio.gather(self._delete_files(result.removals), self._archiver.archive(result.unarchived))
        await self._archiver.archive_deliveries(result.deliveries)
        return await self._archiver.expire() or result.more

    async def _delete_files(self, prefixes: tuple[str, ...]) -> None:
        if deleted := await asyncio.to_thread(self._delete, prefixes):
            await self._jobs.call(commands.confirm_deleted(deleted))

    def _delete(self, prefixes: Iterable[str]) -> list[str]:
        """Delete objects by prefix and return the prefixes that are done. One failure does not stop the others."""
        deleted: list[str] = []
        for prefix in prefixes:
            try:
                count = self._objects.delete_prefix(prefix)
            except ObjectStoreUnavailable as error:
                log.warning("objects.delete_failed", prefix=prefix, reason=str(error))
            else:
                deleted.append(prefix)
                log.info("objects.deleted", prefix=prefix, count=count)
        return deleted


def _policy(settings: ApiSettings) -> Retention:
    """Return the times of the settings; 0 seconds of assets mean forever. Images go no later than the history says."""
    archived_s = min(settings.recent_seconds, settings.output_retention_seconds or settings.recent_seconds)
    return Retention(archived_ms=archived_s * 1000, assets_ms=settings.asset_retention_seconds * 1000 or None)
