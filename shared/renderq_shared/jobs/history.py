"""Records of looking back: a tenant's jobs, page by page."""

from dataclasses import dataclass

from renderq.contract import Status
from renderq_shared.jobs.records import JobRecord


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs are wanted; `None` wants all."""

    status: Status | None = None
    model: str | None = None
    task: str | None = None
    created_after_ms: int | None = None
    created_before_ms: int | None = None
    """Jobs of these very milliseconds are left out."""


@dataclass(frozen=True, slots=True)
class JobPosition:
    """A place in a tenant's list, which runs from new to old and, within a millisecond, backwards by id."""

    created_ms: int
    job_id: str


@dataclass(frozen=True, slots=True)
class JobPage:
    """Some of a tenant's jobs, newest first."""

    records: tuple[JobRecord, ...]
    """Fewer than asked for, even none, where most of those looked at were not wanted."""
    last: JobPosition | None
    """What the next page follows; `None` at the end of the list."""
