"""Data of the history: filters, usage and failures."""

from dataclasses import dataclass, fields, replace
from datetime import date

from renderq_shared.history.search import Search
from renderq_shared.jobs import JobFilter


@dataclass(frozen=True, slots=True)
class HistoryFilter(JobFilter):
    """Filter of a list of ended jobs; `None` and `()` match all. Every given condition must hold."""

    error_code: str | None = None
    seed: int | None = None
    """The job's own seed, that of its first image."""
    kept: bool | None = None
    labels: tuple[str, ...] = ()
    """Labels that the job must all have."""
    metadata: tuple[tuple[str, str], ...] = ()
    """Name and exact value of entries that the request's metadata must all have."""
    search: Search | None = None


@dataclass(frozen=True, slots=True)
class ArchiveResult:
    """Result of storing ended jobs."""

    added: int
    """Number of jobs that were unknown."""
    refused: frozenset[str]
    """Ids of jobs that were deleted before."""


@dataclass(frozen=True, slots=True)
class HistoryRetention:
    """Times after which ended jobs lose their images and are deleted; `None` keeps them forever."""

    now_ms: int
    outputs_ms: int | None
    """Of images, counted from the job's end."""
    jobs_ms: int | None
    """Of records, counted from the job's end. Takes effect after the job's images have expired."""
    outputs_bytes: int | None = None
    """Of all images together; those of the oldest jobs expire above it. `None`: no limit."""


@dataclass(frozen=True, slots=True)
class ExpiryResult:
    """Result of one bounded call. `more` asks for another one at once."""

    outputs_expired: tuple[str, ...]
    """Jobs whose records no longer list images."""
    deleted: tuple[str, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class UsageDay:
    """What the jobs of a tenant that ended on one day (UTC) used. Deleting a job does not change it."""

    tenant: str
    day: date
    jobs: int
    images: int
    """Finished images, also of jobs that did not succeed."""
    pixels: int
    """Sum of width × height of those images."""
    steps: int
    """Model calls."""
    device_ms: int
    """The jobs' shares of device time."""
    bytes: int
    """Size of the stored files when they were written."""

    def __add__(self, other: "UsageDay") -> "UsageDay":
        """Return the sum with other usage of the same tenant and day."""
        return replace(self, **{name: getattr(self, name) + getattr(other, name) for name in USAGE_SUMS})

    def covers(self, other: "UsageDay") -> bool:
        """Return whether no sum is less than that of other usage."""
        return all(getattr(self, name) >= getattr(other, name) for name in USAGE_SUMS)


USAGE_SUMS = tuple(field.name for field in fields(UsageDay) if field.name not in {"tenant", "day"})
"""Fields of `UsageDay` that are added up."""


@dataclass(frozen=True, slots=True)
class FailureCount:
    """Number of failed jobs by cause."""

    error_code: str
    model: str
    worker: str | None
    """`None` if no worker had the job."""
    jobs: int
    last_ms: int
    """End of the last one."""
