"""Records of job lists: filters, positions, pages."""

from dataclasses import dataclass

from renderq.contract import Status
from renderq_shared.jobs.records import JobRecord


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Filter of a job list; `None` matches all."""

    status: Status | None = None
    model: str | None = None
    task: str | None = None
    created_after_ms: int | None = None
    created_before_ms: int | None = None
    """Both bounds are exclusive."""
    batch_id: str | None = None


@dataclass(frozen=True, slots=True)
class JobPosition:
    """A position in a tenant's list, which is sorted by creation time, then by id, both descending."""

    created_ms: int
    job_id: str


@dataclass(frozen=True, slots=True)
class JobPage:
    """One page of a tenant's jobs, newest first."""

    records: tuple[JobRecord, ...]
    """May be shorter than the limit, even empty, if most of the scanned jobs do not match the filter."""
    last: JobPosition | None
    """Position after which the next page starts; `None` at the end of the list."""
    unreadable: tuple[JobPosition, ...] = ()
    """Of the history's jobs that belong on this page, but whose records cannot be read."""
