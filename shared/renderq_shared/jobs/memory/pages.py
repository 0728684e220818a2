"""Pages of jobs for the in-memory store: what `lua/page.lua` does."""

from collections.abc import Iterable

from renderq_shared.jobs.history import JobFilter, JobPage, JobPosition
from renderq_shared.jobs.records import JobRecord


def job_page(
    jobs: Iterable[JobRecord], tenant: str, wanted: JobFilter, limit: int, scan: int, after: JobPosition | None
) -> JobPage:
    listed = sorted(
        (job for job in jobs if job.tenant == tenant and _within(job, wanted) and _follows(job, after)),
        key=_place,
        reverse=True,
    )
    found: list[JobRecord] = []
    for seen, job in enumerate(listed):
        if len(found) == limit or seen == scan:
            return JobPage(tuple(found), JobPosition(*_place(listed[seen - 1])))
        if _is_wanted(job, wanted):
            found.append(job)
    return JobPage(tuple(found), None)


def _place(job: JobRecord) -> tuple[int, str]:
    return job.created_ms, job.id


def _follows(job: JobRecord, position: JobPosition | None) -> bool:
    return position is None or _place(job) < (position.created_ms, position.job_id)


def _within(job: JobRecord, wanted: JobFilter) -> bool:
    after, before = wanted.created_after_ms, wanted.created_before_ms
    return (after is None or after < job.created_ms) and (before is None or job.created_ms < before)


def _is_wanted(job: JobRecord, wanted: JobFilter) -> bool:
    pairs = ((wanted.status, job.status), (wanted.model, job.model), (wanted.task, job.task))
    return all(wish is None or wish == value for wish, value in pairs)
