"""Batches of the in-memory store: views of their jobs."""

from renderq_shared.jobs.batch_records import LiveBatch
from renderq_shared.jobs.memory.jobs import JobTable
from renderq_shared.jobs.memory.positions import Positions
from renderq_shared.jobs.records import JobRecord, QueuePosition


class BatchViews:
    """What the store has of batches."""

    def __init__(self, jobs: JobTable, positions: Positions) -> None:
        self._jobs = jobs
        self._positions = positions

    def get(self, tenant: str, batch_id: str) -> LiveBatch | None:
        jobs = self._jobs.of_batch(tenant, batch_id)
        if not jobs:
            return None
        last: dict[str, tuple[JobRecord, QueuePosition]] = {}
        for job in jobs:
            position = self._positions.of(job)
            if position and (job.model not in last or position.jobs_ahead > last[job.model][1].jobs_ahead):
                last[job.model] = job, position
        return LiveBatch(
            first=jobs[0],
            statuses={job.id: job.status for job in jobs},
            running=tuple(job for job in jobs if job.id in self._jobs.leases),
            last_queued=tuple(last[model] for model in sorted(last)),
        )

    def page(self, tenant: str, limit: int, before: str | None) -> tuple[str, ...]:
        ids = {job.batch_id for job in self._jobs.of_tenant(tenant) if job.batch_id}
        newest_first = sorted(ids, reverse=True)
        return tuple(each for each in newest_first if before is None or each < before)[:limit]
