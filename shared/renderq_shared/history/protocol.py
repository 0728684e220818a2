"""Protocol of the history."""

from collections.abc import Sequence
from datetime import date
from typing import Protocol

from renderq.contract import Status
from renderq_shared.history.records import (
    ArchiveResult,
    ExpiryResult,
    FailureCount,
    HistoryFilter,
    HistoryRetention,
    UsageDay,
)
from renderq_shared.jobs import ArchivedRemoval, DeliveryRecord, JobPage, JobPosition, JobRecord


class History(Protocol):
    """Ended jobs. Every method is atomic, safe to repeat, and raises `HistoryUnavailable`."""

    async def migrate(self) -> None:
        """Migrate the schema to that of this release. Raises `HistoryUnsuitable` if it is newer."""
        ...

    async def id(self) -> str:
        """Return the id that this history has for API processes: that of this database, and of no copy of it."""
        ...

    async def archive(self, jobs: Sequence[JobRecord]) -> ArchiveResult:
        """Store ended jobs and count the usage of each once.

        A higher version of a stored job replaces it; a lower one is ignored. A deleted job is refused.
        """
        ...

    async def archive_deliveries(self, deliveries: Sequence[DeliveryRecord]) -> None:
        """Store ended deliveries with their jobs; those of jobs that are not here are left out."""
        ...

    async def deliveries(self, tenant: str, job_id: str) -> tuple[DeliveryRecord, ...]:
        """Return the deliveries of a tenant's job, in any order."""
        ...

    async def delivery(self, tenant: str, delivery_id: str) -> DeliveryRecord | None:
        """Return a delivery; `None` if the tenant has no such delivery here."""
        ...

    async def get_job(self, tenant: str, job_id: str) -> JobRecord | None:
        """Return a job; `None` if the tenant has no such job here."""
        ...

    async def page(
        self, tenant: str, job_filter: HistoryFilter, limit: int, after: JobPosition | None = None
    ) -> JobPage:
        """Return a tenant's jobs after `after`, newest first; short only at the end of the list."""
        ...

    async def batch_statuses(self, tenant: str, batch_id: str) -> dict[str, Status]:
        """Return job → status of the jobs of a batch."""
        ...

    async def batches(self, tenant: str, limit: int, before: str | None = None) -> tuple[str, ...]:
        """Return the ids of a tenant's batches, the newest first, from those before `before`."""
        ...

    async def annotate(
        self, tenant: str, job_id: str, *, kept: bool | None = None, labels: Sequence[str] | None = None
    ) -> JobRecord | None:
        """Set what is given and return the changed job; `None` if the tenant has no such job here."""
        ...

    async def delete(self, tenant: str, *job_ids: str) -> frozenset[str]:
        """Delete jobs, so that no later `archive` stores them again. Returns the ids of those that the tenant had."""
        ...

    async def expire(self, retention: HistoryRetention, limit: int) -> ExpiryResult:
        """Drop the images of old jobs and delete older ones, except kept ones; at most `limit` of each kind."""
        ...

    async def removals(self, limit: int, tenant: str | None = None) -> tuple[ArchivedRemoval, ...]:
        """Return jobs, of one tenant or of all, that `delete` or `expire` left to the job store's `remove_archived`."""
        ...

    async def confirm_removals(self, confirmed: Sequence[ArchivedRemoval]) -> None:
        """Confirm that the job store has taken over these removals."""
        ...

    async def start_purge(self, tenant: str, started_ms: int) -> None:
        """Refuse jobs of a tenant that were created until then, in every later `archive`."""
        ...

    async def purge_jobs(self, tenant: str, job_ids: Sequence[str]) -> None:
        """Delete jobs and removals of a tenant whose files have been removed."""
        ...

    async def finish_purge(self, tenant: str, started_ms: int) -> None:
        """Delete what else there is of a tenant without jobs, such as its usage. No effect if this was done before."""
        ...

    async def erase_deleted(self) -> None:
        """Overwrite what deleted jobs left in the files of SQLite. PostgreSQL reuses the space by itself."""
        ...

    async def usage(self, tenant: str | None, first: date, last: date) -> tuple[UsageDay, ...]:
        """Return the usage of a tenant (`None`: of all) from `first` to `last`, by day and tenant."""
        ...

    async def failures(self, since_ms: int) -> tuple[FailureCount, ...]:
        """Return the failures of all jobs that ended since then, the most frequent first."""
        ...
