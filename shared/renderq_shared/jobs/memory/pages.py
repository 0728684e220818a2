"""Pages of jobs for the in-memory store. Counterpart of `lua/page.lua`."""

from collections.abc import Iterable

from renderq_shared.jobs.list_records import JobFilter, JobPage, JobPosition
from renderq_shared.jobs.records import JobRecord


def job_page(
    jobs: Iterable[JobRecord],
    tenant: str,
    job_filter: JobFilter,
    limit: int,
    scan_limit: int,
    after: JobPosition | None,
) -> JobPage:
    listed = sorted(
        (job for job in jobs if job.tenant == tenant and _is_in_range(job, job_filter) and _follows(job, after)),
        key=_position,
        reverse=True,
    )
    records: list[JobRecord] = []
    for scanned, job in enumerate(listed):
        if len(records) == limit or scanned == scan_limit:
            return JobPage(tuple(records), JobPosition(*_position(listed[scanned - 1])))
        if _matches(job, job_filter):
            records.append(job)
    return JobPage(tuple(records), None)


def _position(job: JobRecord) -> tuple[int, str]:
    return job.created_ms, job.id


def _follows(job: JobRecord, position: JobPosition | None) -> bool:
    return position is None or _position(job) < (position.created_ms, position.job_id)


def _is_in_range(job: JobRecord, job_filter: JobFilter) -> bool:
    after, before = job_filter.created_after_ms, job_filter.created_before_ms
    is_in_batch = job_filter.batch_id in {None, job.batch_id}
    return is_in_batch and (after is None or after < job.created_ms) and (before is None or job.created_ms < before)


def _matches(job: JobRecord, job_filter: JobFilter) -> bool:
    pairs = ((job_filter.status, job.status), (job_filter.model, job.model), (job_filter.task, job.task))
    return all(expected is None or expected == value for expected, value in pairs)
