"""Job directory: live jobs, which the job store has, and ended jobs, which the history has.

The job store is always read first: a job that it no longer has was archived before, so that no read misses it.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

from renderq_api.job_views.job_snapshot import JobSnapshot
from renderq_shared.errors import HistoryUnavailable
from renderq_shared.history import History, HistoryFilter, matches
from renderq_shared.jobs import AsyncJobStore, DeleteResult, JobPage, JobPosition, JobRecord, commands
from renderq_shared.jobs.stored_results import encode_labels

_SCAN = 500
"""Maximum number of jobs scanned per call, which blocks Redis for about two milliseconds."""


@dataclass(frozen=True, slots=True)
class ListedJobs:
    """One page of a tenant's jobs, newest first."""

    records: tuple[JobRecord, ...]
    last: JobPosition | None
    """Position after which the next page starts; `None` at the end of the list."""
    is_complete: bool
    """False if the history is away: ended jobs may be missing."""
    unreadable: tuple[str, ...] = ()
    """Ids of jobs that are left out, because their records cannot be read."""


class JobDirectory:
    """All jobs of all tenants. Methods raise `StoreUnavailable`, and `HistoryUnavailable` if only it could answer."""

    def __init__(self, jobs: AsyncJobStore, history: History) -> None:
        self._jobs = jobs
        self._history = history

    async def find(self, tenant: str, job_id: str) -> JobSnapshot | None:
        """Return a job; `None` if the tenant has no such job."""
        live = await self._jobs.call(commands.get_job(tenant, job_id))
        return live or await self._archived(tenant, job_id)

    async def cancel(self, tenant: str, job_id: str) -> JobRecord | None:
        """Cancel a job, or return it as it ended. `None` if the tenant has no such job."""
        live = await self._jobs.call(commands.cancel(tenant, job_id))
        return live or await self._history.get_job(tenant, job_id)

    async def annotate(
        self, tenant: str, job_id: str, kept: bool | None, labels: Sequence[str] | None
    ) -> JobRecord | None:
        """Set what is given and return the job; `None` if the tenant has no such job."""
        labels_json = None if labels is None else encode_labels(labels) or "[]"
        live = await self._jobs.call(commands.annotate(tenant, job_id, kept, labels_json))
        return live or await self._annotate_archived(tenant, job_id, kept, labels)

    async def delete(self, tenant: str, job_ids: Sequence[str]) -> tuple[DeleteResult, ...]:
        """Delete ended jobs everywhere. Returns a result for each.

        The history deletes first: whatever happens afterward, the jobs are never archived again, and a repeat of the
        call deletes the rest.
        """
        live = [await self._jobs.call(commands.get_job(tenant, job_id)) for job_id in job_ids]
        records = [found[0] for found in live if found]
        running = {record.id for record in records if not record.status.is_terminal}
        if ended := [record for record in records if record.id not in running]:
            await self._history.archive(ended)  # counts their usage
        archived = await self._history.delete(tenant, *(set(job_ids) - running))
        return tuple(
            [
                DeleteResult.NOT_ENDED
                if job_id in running
                else await self._jobs.call(commands.delete(tenant, job_id, was_archived=job_id in archived))
                for job_id in job_ids
            ]
        )

    async def page(self, tenant: str, job_filter: HistoryFilter, limit: int, after: JobPosition | None) -> ListedJobs:
        """Return a page of the merged list; it may be shorter than `limit`, even empty, if few live jobs match.

        A job that both have is listed as the job store has it.
        """
        live = await self._jobs.call(commands.page(tenant, job_filter, limit, _SCAN, after))
        found = tuple(job for job in live.records if matches(job, job_filter))
        try:
            archived = await self._history.page(tenant, job_filter, limit, after)
        except HistoryUnavailable:
            return ListedJobs(found, live.last, is_complete=False)
        known = {job.id for job in live.records}
        others = tuple(job for job in archived.records if job.id not in known)
        unreadable = tuple(position for position in archived.unreadable if position.job_id not in known)
        return _merged(JobPage(found, live.last), JobPage(others, archived.last, unreadable), limit)

    async def _annotate_archived(
        self, tenant: str, job_id: str, kept: bool | None, labels: Sequence[str] | None
    ) -> JobRecord | None:
        job = await self._history.annotate(tenant, job_id, kept=kept, labels=labels)
        if job is not None:
            await self._jobs.call(commands.publish_archived(job))
        return job

    async def _archived(self, tenant: str, job_id: str) -> JobSnapshot | None:
        record = await self._history.get_job(tenant, job_id)
        return (record, None) if record else None


def _merged(live: JobPage, archived: JobPage, limit: int) -> ListedJobs:
    """Merge two pages that begin at the same position and share no job, up to the end of the one that ends first."""
    ends = [_key(page.last) for page in (live, archived) if page.last]
    end = max(ends, default=None)
    merged = heapq.merge(live.records, archived.records, key=_record_key, reverse=True)
    records = [job for job in merged if end is None or _record_key(job) >= end]
    if len(records) > limit:
        records = records[:limit]
        end = _record_key(records[-1])
    unreadable = tuple(each.job_id for each in archived.unreadable if end is None or _key(each) >= end)
    last = JobPosition(*end) if end else None
    return ListedJobs(tuple(records), last, is_complete=True, unreadable=unreadable)


def _record_key(job: JobRecord) -> tuple[int, str]:
    return job.created_ms, job.id


def _key(position: JobPosition) -> tuple[int, str]:
    return position.created_ms, position.job_id
