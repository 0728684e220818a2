"""Purge of a tenant: the deletion of all its data from job store, history and object store.

Files go first, then what Redis knows of a job, then its row in the history: whatever is left leads to the rest.
"""

import asyncio
import time
from collections.abc import Iterable, Sequence

from renderq.contract import LIMITS, Status
from renderq_api.assets import tenant_prefix
from renderq_shared.history import History, HistoryFilter
from renderq_shared.jobs import AsyncJobStore, JobPage, JobRecord, PurgedJob, PurgeRecord, commands
from renderq_shared.objects import ObjectStore

_LIMIT = 100
"""Maximum number of jobs per call."""

_KEYS = 500
"""Number of keys per call, which blocks Redis for about a millisecond."""

_LANES = 8
"""Number of threads that remove files."""

_LATE_MS = 3_600_000
"""Time for which a worker that was cut off from its job may write files."""


class PurgeEnded(Exception):
    """The purge has ended meanwhile: this process was slow, and another one completed it."""


class TenantPurge:
    """One pass of a purge, or the rest of it."""

    def __init__(
        self, record: PurgeRecord, jobs: AsyncJobStore, history: History, objects: ObjectStore, lease_ms: int
    ) -> None:
        """`lease_ms`: lease of the purge, renewed with every batch."""
        self._record = record
        self._store = jobs
        self._history = history
        self._objects = objects
        self._lease_ms = lease_ms
        self.jobs = record.jobs
        """Number of jobs deleted so far."""

    async def run(self) -> bool:
        """Delete what can be deleted now, and return whether that was all.

        Raises `PurgeEnded`, `StoreUnavailable`, `HistoryUnavailable` and `ObjectStoreUnavailable`.
        """
        await self._history.start_purge(self._record.tenant, self._record.started_ms)
        await self._cancel_jobs()
        waiting = await self._delete_live_jobs()
        await self._delete_archived_jobs()
        if waiting:
            return False
        await self._delete_keys()
        await self._delete_asset_files()
        await self._history.finish_purge(self._record.tenant, self._record.started_ms)
        await self._history.erase_deleted()
        return await self._store.call(commands.complete_purge(self._record))

    async def _cancel_jobs(self) -> None:
        """Cancel all jobs before any file is removed, which takes longer."""
        skip = 0
        while True:
            page = await self._store.call(commands.purge_page(self._record, skip, _LIMIT))
            if not page.ended and not page.waiting:
                return
            skip += len(page.ended) + page.waiting

    async def _delete_live_jobs(self) -> int:
        """Delete the ended jobs that the job store has, and return the number of others."""
        waiting = 0
        while True:
            page = await self._store.call(commands.purge_page(self._record, waiting, _LIMIT))
            if not page.ended and not page.waiting:
                return waiting
            waiting += page.waiting
            await self._delete(page.ended)

    async def _delete_archived_jobs(self) -> None:
        """Delete the jobs that only the history has. A later job of the tenant is not of this purge."""
        tenant, earlier = self._record.tenant, HistoryFilter(created_before_ms=self._record.started_ms + 1)
        while jobs := _archived_jobs(await self._history.page(tenant, earlier, _LIMIT)):
            await self._delete(jobs)
        while removals := await self._history.removals(_LIMIT, tenant):
            await self._delete([PurgedJob(each.job_id, each.images, is_removed_again=True) for each in removals])

    async def _delete(self, jobs: Sequence[PurgedJob]) -> None:
        if jobs:
            await self._remove_files(f"jobs/{job.job_id}/" for job in jobs)
            await self._store.call(commands.purge_jobs(self._record, jobs))
            await self._history.purge_jobs(self._record.tenant, [job.job_id for job in jobs])
            self.jobs += len(jobs)
            await self._renew()

    async def _delete_keys(self) -> None:
        cursor = "0"
        while True:
            cursor = await self._store.call(commands.purge_keys(self._record, cursor, _KEYS))
            if cursor == "0":
                return

    async def _delete_asset_files(self) -> None:
        prefix = tenant_prefix(self._record.tenant)
        keys = await asyncio.to_thread(lambda: list(self._objects.keys(prefix)))
        await self._renew()  # so the keys are not those of uploads after the purge
        await self._remove_files({f"{key.rpartition('/')[0]}/" for key in keys})

    async def _remove_files(self, prefixes: Iterable[str]) -> None:
        listed = list(prefixes)

        def remove(lane: int) -> None:
            for prefix in listed[lane::_LANES]:
                self._objects.delete_prefix(prefix)

        await asyncio.gather(*(asyncio.to_thread(remove, lane) for lane in range(min(_LANES, len(listed)))))

    async def _renew(self) -> None:
        if not await self._store.call(commands.renew_purge(self._record, self._lease_ms, self.jobs)):
            raise PurgeEnded


def _archived_jobs(page: JobPage) -> list[PurgedJob]:
    """Return the jobs of a page as jobs to purge. Those without a readable record have the maximum number of images."""
    unreadable = [PurgedJob(each.job_id, LIMITS.images, is_removed_again=True) for each in page.unreadable]
    return [*map(_archived, page.records), *unreadable]


def _archived(job: JobRecord) -> PurgedJob:
    """Return an archived job as one to purge. Its files are removed again if its worker may have been cut off."""
    is_recent = (job.completed_ms or 0) > time.time_ns() // 1_000_000 - _LATE_MS
    was_cut_off = job.claim_id is not None and job.status is not Status.SUCCEEDED
    return PurgedJob(job.id, job.images, is_removed_again=is_recent and was_cut_off)
