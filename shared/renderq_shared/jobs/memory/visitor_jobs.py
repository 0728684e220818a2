"""Jobs of visitors in the in-memory store. Counterpart of `visitors.lua`."""

from collections.abc import Callable

from renderq_shared.jobs.lifetimes import VISITOR_COUNT_TTL_MS
from renderq_shared.jobs.memory.jobs import JobTable
from renderq_shared.jobs.records import JobRecord, NewJob, SubmitOutcome, VisitorQuota


class VisitorJobs:
    """Counts open jobs of visitors, and all jobs of each address."""

    def __init__(self, jobs: JobTable, clock_ms: Callable[[], int]) -> None:
        self._jobs = jobs
        self._now_ms = clock_ms
        self._ids: list[str] = []
        self._of_address: dict[str, tuple[int, int]] = {}
        """Number of jobs, and until when it counts."""

    def refusal(self, tenant: str, quota: VisitorQuota) -> tuple[SubmitOutcome, JobRecord | None] | None:
        """Return why a visitor may not add a job; `None` if it may.

        If visitors have no place left, the job is their oldest open one.
        """
        known = (self._jobs.jobs.get(job_id) for job_id in self._ids)
        still_open = [job for job in known if job and not job.status.is_terminal]
        self._ids = [job.id for job in still_open]
        if sum(job.tenant == tenant for job in still_open) >= quota.open_jobs:
            return SubmitOutcome.QUOTA_EXCEEDED, None
        if self._count(quota.address)[0] >= quota.jobs_per_address:
            return SubmitOutcome.ADDRESS_LIMIT_REACHED, None
        if len(still_open) >= quota.total_open_jobs:
            return SubmitOutcome.VISITORS_FULL, still_open[0]
        return None

    def count(self, job: NewJob, quota: VisitorQuota) -> None:
        """Count a job that was accepted."""
        self._ids.append(job.id)
        count, until_ms = self._count(quota.address)
        self._of_address[quota.address] = (count + 1, until_ms)

    def _count(self, address: str) -> tuple[int, int]:
        now_ms = self._now_ms()
        known = self._of_address.get(address)
        return known if known and known[1] > now_ms else (0, now_ms + VISITOR_COUNT_TTL_MS)
