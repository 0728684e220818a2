"""Records of ended jobs: deletion, archiving and retention."""

from dataclasses import dataclass
from enum import StrEnum

from renderq_shared.jobs.delivery_records import DeliveryRecord
from renderq_shared.jobs.records import JobRecord


class DeleteResult(StrEnum):
    """Result of a deletion."""

    DELETED = "deleted"
    NOT_ENDED = "not_ended"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ArchivedVersion:
    """A version of an ended job that the history holds."""

    job_id: str
    version: int


@dataclass(frozen=True, slots=True)
class ArchivedRemoval:
    """A job whose images have expired or that was deleted, by the history."""

    tenant: str
    job_id: str
    images: int
    """Number of images of the request."""
    is_deleted: bool
    """False if only its images have expired."""


@dataclass(frozen=True, slots=True)
class ApiRecord:
    """A live API process."""

    process: str
    history: str
    """Id of its history."""


@dataclass(frozen=True, slots=True)
class ArchiveState:
    """What waits for the history, and who writes to it."""

    unarchived: int
    """Number of ended jobs that the history has not confirmed."""
    oldest_age_ms: int | None
    """Time since the end of the oldest of the 100 of them that are due first."""
    apis: tuple[ApiRecord, ...]
    """By name."""


@dataclass(frozen=True, slots=True)
class Retention:
    """Retention times of what the job store holds. `None` keeps forever."""

    archived_ms: int | None
    """Of jobs that the history has, counted from their end."""
    assets_ms: int | None = None
    """Of assets, counted from their last use."""


@dataclass(frozen=True, slots=True)
class RetentionResult:
    """Result of one bounded call. `more` asks for another one at once."""

    released: tuple[str, ...]
    """Jobs that only the history has now."""
    assets_expired: tuple[str, ...]
    """Deleted assets."""
    removals: tuple[str, ...]
    """Prefixes for the caller to remove from the object store and to confirm by `confirm_deleted`."""
    unarchived: tuple[JobRecord, ...]
    """Ended jobs for the caller to archive and to confirm by `confirm_archived`."""
    deliveries: tuple[DeliveryRecord, ...]
    """Ended deliveries for the caller to archive and to confirm by `confirm_deliveries`."""
    more: bool
