"""A batch at one moment. A batch is its jobs; it has no record of its own."""

from collections.abc import Mapping
from dataclasses import dataclass

from renderq.contract import Status
from renderq_api.job_views.job_snapshot import JobSnapshot


@dataclass(frozen=True, slots=True)
class BatchSnapshot:
    """A batch, and the states of its jobs."""

    id: str
    jobs: int
    """Number of jobs that were submitted."""
    created_ms: int
    statuses: Mapping[str, Status]
    """Job → status, without deleted jobs."""
    open_jobs: tuple[JobSnapshot, ...] = ()
    """Running jobs, and of each model the last one in the queue."""
