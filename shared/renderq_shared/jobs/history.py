"""Records of past jobs: listing, deletion and retention."""

from dataclasses import dataclass
from enum import StrEnum

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


class DeleteResult(StrEnum):
    """Result of a deletion."""

    DELETED = "deleted"
    NOT_ENDED = "not_ended"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Retention:
    """Retention times: outputs and records of jobs, counted from their end, and assets. `None` keeps forever."""

    outputs_ms: int | None
    jobs_ms: int | None
    """Takes effect after the job's images have been deleted."""
    assets_ms: int | None = None
    """Counted from the asset's last use."""


@dataclass(frozen=True, slots=True)
class RetentionResult:
    """Result of one bounded call. `more` asks for another one at once."""

    outputs_expired: tuple[str, ...]
    """Jobs whose records no longer list images."""
    deleted: tuple[str, ...]
    """Deleted jobs."""
    assets_expired: tuple[str, ...]
    """Deleted assets."""
    removals: tuple[str, ...]
    """Prefixes for the caller to remove from the object store and to confirm by `confirm_deleted`."""
    manifests: tuple[JobRecord, ...]
    """Ended jobs whose manifests the caller writes to the object store and confirms by `confirm_manifests`."""
    more: bool
