"""Records of looking back: a tenant's jobs, page by page, and how long they are kept."""

from dataclasses import dataclass
from enum import StrEnum

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


class DeleteResult(StrEnum):
    """What became of a wish to forget a job."""

    DELETED = "deleted"
    NOT_ENDED = "not_ended"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Retention:
    """How long after its end a job keeps what, and how long assets are kept; `None` for ever."""

    outputs_ms: int | None
    jobs_ms: int | None
    """Takes effect once the pictures are gone."""
    assets_ms: int | None = None
    """Counted from an asset's last use."""


@dataclass(frozen=True, slots=True)
class RetentionResult:
    """What one bounded call let go of. `more` asks for another one at once."""

    outputs_expired: tuple[str, ...]
    """Jobs whose records name no pictures any more."""
    deleted: tuple[str, ...]
    """Jobs that are gone."""
    assets_expired: tuple[str, ...]
    """Assets that are gone."""
    removals: tuple[str, ...]
    """Prefixes of what the caller is to remove from the object store, and then to say so."""
    manifests: tuple[JobRecord, ...]
    """Ended jobs whose manifests the caller is to write to the object store, and then to say so."""
    more: bool
