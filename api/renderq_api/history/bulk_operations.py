"""Operations on many jobs of a tenant, live and ended. Each is safe to repeat."""

from collections.abc import AsyncGenerator, Sequence

from renderq.contract import CancelJobsResult, DeleteJobsResult, JobRefusal, ProblemKind, Status
from renderq_api.history.job_directory import JobDirectory
from renderq_shared.errors import HistoryUnavailable, RecordUnreadable
from renderq_shared.jobs import AsyncJobStore, DeleteResult, JobFilter, JobPosition, commands

_CHUNK = 100
"""Jobs per call of the store, which blocks Redis for some milliseconds."""

_SCAN = 500

_REFUSALS = {
    DeleteResult.UNKNOWN: (ProblemKind.NOT_FOUND, "Job not found."),
    DeleteResult.NOT_ENDED: (ProblemKind.JOB_NOT_TERMINAL, "The job has not ended. Cancel it first."),
}

_AWAY = (ProblemKind.HISTORY_UNAVAILABLE, "The history does not respond. Try again.")

_UNREADABLE = (ProblemKind.RECORD_UNREADABLE, "The job has ended, and its stored record cannot be read.")

_CANCELED = {Status.CANCELED, Status.CANCELING}


class BulkOperations:
    """Cancels and deletes many jobs. Methods raise `StoreUnavailable`; then repeat the call."""

    def __init__(self, jobs: AsyncJobStore, directory: JobDirectory) -> None:
        self._jobs = jobs
        self._directory = directory

    async def cancel(self, tenant: str, job_ids: Sequence[str]) -> CancelJobsResult:
        """Cancel these jobs, as one call for each would."""
        ids = list(dict.fromkeys(job_ids))
        live = await self._jobs.call(commands.cancel_jobs(tenant, ids, only_queued=False))
        found = dict(zip(ids, live, strict=True))
        refusals: list[JobRefusal] = []
        for job_id in [each for each, status in found.items() if status is None]:
            try:
                archived = await self._directory.find(tenant, job_id)
            except HistoryUnavailable:
                refusals.append(_refusal(job_id, *_AWAY))
            except RecordUnreadable:
                refusals.append(_refusal(job_id, *_UNREADABLE))
            else:
                if archived is None:
                    refusals.append(_refusal(job_id, *_REFUSALS[DeleteResult.UNKNOWN]))
                else:
                    found[job_id] = archived[0].status
        known = [status for status in found.values() if status is not None]
        canceled = sum(status in _CANCELED for status in known)
        return CancelJobsResult(canceled=canceled, unchanged=len(known) - canceled, refusals=tuple(refusals))

    async def cancel_queued(self, tenant: str, model: str | None) -> CancelJobsResult:
        """Cancel the jobs that are queued now, the newest first."""
        canceled = unchanged = 0
        async for ids in self._queued_ids(tenant, model):
            statuses = await self._jobs.call(commands.cancel_jobs(tenant, ids, only_queued=True))
            canceled += statuses.count(Status.CANCELED)
            unchanged += len(ids) - statuses.count(Status.CANCELED)
        return CancelJobsResult(canceled=canceled, unchanged=unchanged)

    async def delete(self, tenant: str, job_ids: Sequence[str]) -> DeleteJobsResult:
        """Delete these jobs, which have ended. Raises `HistoryUnavailable`, and has then deleted none."""
        ids = list(dict.fromkeys(job_ids))
        results = zip(ids, await self._directory.delete(tenant, ids), strict=True)
        refusals = tuple(_refusal(job_id, *_REFUSALS[result]) for job_id, result in results if result in _REFUSALS)
        return DeleteJobsResult(deleted=len(ids) - len(refusals), refusals=refusals)

    async def _queued_ids(self, tenant: str, model: str | None) -> AsyncGenerator[list[str]]:
        after: JobPosition | None = None
        job_filter = JobFilter(status=Status.QUEUED, model=model)
        while True:
            page = await self._jobs.call(commands.page(tenant, job_filter, _CHUNK, _SCAN, after))
            if page.records:
                yield [job.id for job in page.records]
            if page.last is None:
                return
            after = page.last


def _refusal(job_id: str, code: ProblemKind, detail: str) -> JobRefusal:
    return JobRefusal(id=job_id, code=code, detail=detail)
