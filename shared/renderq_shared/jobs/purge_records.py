"""Records of purges: deletions of all data of a tenant. Times as in `records`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PurgeRecord:
    """A purge that is in progress, or that ended within the last day."""

    tenant: str
    started_ms: int
    completed_ms: int | None = None
    """`None` while it is in progress. Until then the tenant can submit and upload nothing."""
    jobs: int = 0
    """Number of jobs deleted so far."""
    assets: int = 0
    """Number of assets deleted so far."""


@dataclass(frozen=True, slots=True)
class PurgedJob:
    """An ended job whose data is to be deleted."""

    job_id: str
    images: int
    """Number of images of the request."""
    is_removed_again: bool
    """True if its files are removed once more in an hour, because a process that was cut off may still write some."""


@dataclass(frozen=True, slots=True)
class PurgePage:
    """Some of a tenant's jobs in the job store."""

    ended: tuple[PurgedJob, ...]
    """Jobs to delete now."""
    waiting: int
    """Number of jobs to look at again later: a worker has them, or a process is archiving them."""
