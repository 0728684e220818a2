"""Batch directory: batches whose jobs are live, ended, or both."""

from dataclasses import dataclass

from renderq.contract import Status
from renderq_api.history.job_directory import JobDirectory
from renderq_api.job_views.batch_snapshot import BatchSnapshot
from renderq_shared.errors import HistoryUnavailable
from renderq_shared.history import History, HistoryFilter
from renderq_shared.jobs import AsyncJobStore, JobRecord, commands
from renderq_shared.jobs.stored_results import decode_batch

_CHUNK = 100
"""Jobs per call of the store, which blocks Redis for some milliseconds."""

_UNSUCCESSFUL = frozenset({Status.FAILED, Status.CANCELED, Status.EXPIRED})


@dataclass(frozen=True, slots=True)
class ListedBatches:
    """One page of a tenant's batches, the newest first."""

    batches: tuple[BatchSnapshot, ...]
    last: str | None
    """Id of the batch after which the next page starts; `None` at the end of the list."""


class BatchDirectory:
    """All batches. Methods raise `StoreUnavailable`, and `HistoryUnavailable` if only it could answer."""

    def __init__(self, jobs: AsyncJobStore, history: History, directory: JobDirectory) -> None:
        self._jobs = jobs
        self._history = history
        self._directory = directory

    async def find(self, tenant: str, batch_id: str) -> BatchSnapshot | None:
        """Return a batch; `None` if the tenant has no job of such a batch."""
        live = await self._jobs.call(commands.get_batch(tenant, batch_id))
        if live is None:
            return await self._find_archived(tenant, batch_id)
        open_jobs = (*((job, None) for job in live.running), *live.last_queued)
        statuses, jobs = live.statuses, _submitted(live.first)
        if len(statuses) < jobs:
            statuses = {**await self._history.batch_statuses(tenant, batch_id), **statuses}
        return BatchSnapshot(batch_id, jobs, live.first.created_ms, statuses, open_jobs)

    async def page(self, tenant: str, limit: int, before: str | None) -> ListedBatches:
        """Return a page of the tenant's batches."""
        live = await self._jobs.call(commands.batches(tenant, limit + 1, before))
        archived = await self._history.batches(tenant, limit + 1, before)
        newest_first = sorted({*live, *archived}, reverse=True)
        shown = newest_first[:limit]
        found = [await self.find(tenant, batch_id) for batch_id in shown]
        return ListedBatches(tuple(filter(None, found)), shown[-1] if len(newest_first) > limit else None)

    async def cancel(self, tenant: str, batch_id: str) -> BatchSnapshot | None:
        """Cancel the jobs that have not ended, the last ones first. Returns the batch after that.

        Without the history the jobs are canceled all the same.
        """
        live = await self._jobs.call(commands.get_batch(tenant, batch_id))
        statuses = live.statuses if live else {}
        ids = [job_id for job_id, status in statuses.items() if not status.is_terminal][::-1]
        for start in range(0, len(ids), _CHUNK):
            await self._jobs.call(commands.cancel_jobs(tenant, ids[start : start + _CHUNK], only_queued=False))
        return await self.find(tenant, batch_id)

    async def unsuccessful(self, tenant: str, batch: BatchSnapshot) -> list[JobRecord]:
        """Return the jobs that have ended without success, in the order of the batch.

        Raises `HistoryUnavailable` if it has some of them and went away after `batch` was read.
        """
        wanted = {job_id for job_id, status in batch.statuses.items() if status in _UNSUCCESSFUL}
        found: list[JobRecord] = []
        is_complete, after = True, None
        while True:
            page = await self._directory.page(tenant, HistoryFilter(batch_id=batch.id), _CHUNK, after)
            found += [job for job in page.records if job.status in _UNSUCCESSFUL]
            is_complete = is_complete and page.is_complete
            if page.last is None:
                break
            after = page.last
        if not is_complete and wanted - {job.id for job in found}:
            raise HistoryUnavailable("the history went away while a batch was read")
        return found

    async def _find_archived(self, tenant: str, batch_id: str) -> BatchSnapshot | None:
        statuses = await self._history.batch_statuses(tenant, batch_id)
        page = await self._history.page(tenant, HistoryFilter(batch_id=batch_id), 1)
        while page.unreadable and page.last:
            page = await self._history.page(tenant, HistoryFilter(batch_id=batch_id), 1, page.last)
        if not page.records:
            return None
        return BatchSnapshot(batch_id, _submitted(page.records[0]), page.records[0].created_ms, statuses)


def _submitted(job: JobRecord) -> int:
    return decode_batch(job.batch_json or "{}").jobs
