"""Places of queued jobs in the in-memory store."""

from renderq.contract import Status
from renderq_shared.jobs.memory.jobs import JobTable
from renderq_shared.jobs.memory.workers import WorkerTable
from renderq_shared.jobs.records import JobRecord, QueuePosition


class Positions:
    """Positions of jobs in their queues."""

    def __init__(self, jobs: JobTable, workers: WorkerTable) -> None:
        self._jobs = jobs
        self._workers = workers

    def of(self, job: JobRecord) -> QueuePosition | None:
        if job.status is not Status.QUEUED:
            return None
        jobs_ahead = self._jobs.queues[job.model].jobs_ahead(job.tenant, job.id)
        return QueuePosition(
            jobs_ahead,
            self._workers.serves(job.model),
            self._jobs.is_paused(job.model, job.tenant),
            self._jobs.cost_ahead(job, jobs_ahead),
        )
