"""Archiver: ended jobs → history and manifests; the history's removals → job store.

Both directions are outboxes: the job store hands out a job until its version is confirmed, the history hands out a
removal until the job store has taken it over. So a process may die at any point, and several processes need no leader.
"""

import asyncio
import time
from collections.abc import Iterable, Sequence

import structlog

from renderq_shared.errors import (
    HistoryUnavailable,
    HistoryUnsuitable,
    ObjectStoreUnavailable,
    RenderqSharedError,
)
from renderq_shared.history import ExpiryResult, History, HistoryRetention
from renderq_shared.jobs import ArchivedVersion, AsyncJobStore, DeliveryRecord, JobRecord, commands
from renderq_shared.manifests.manifest import CONTENT_TYPE, MANIFEST_NAME, encode_manifest, manifest_key
from renderq_shared.objects import ObjectStore
from renderq_shared.settings import ApiSettings

log = structlog.get_logger(__name__)

_LIMIT = 100
"""Maximum number of jobs per transaction of the history."""

_MEASURED_S = 60.0
"""Time between two measurements of the size of all images, which read one index: some 0.1 s for a million jobs."""

_REPEATED_S = 150.0
"""Time within which a failed operation is repeated, unless another process has done it: two leases of the outbox."""


class Archiver:
    """Moves jobs between job store, history and object store. `problem` says why it cannot."""

    def __init__(self, jobs: AsyncJobStore, history: History, objects: ObjectStore, settings: ApiSettings) -> None:
        self._jobs = jobs
        self._history = history
        self._objects = objects
        self._outputs_ms = settings.output_retention_seconds * 1000 or None
        self._jobs_ms = settings.job_retention_seconds * 1000 or None
        self._limit_bytes = round(settings.output_limit_gb * 1e9) or None
        self._measured_at = -_MEASURED_S
        """Monotonic time when the size of all images was read last."""
        self._is_migrated = False
        self._problems: dict[str, tuple[str, float]] = {}
        """Operation that failed last time → reason, and monotonic time of the failure."""
        self._is_reported = False

    @property
    def problem(self) -> str | None:
        """Why the history cannot be used; `None` if it can."""
        now = time.monotonic()
        return next((reason for reason, failed_at in self._problems.values() if now - failed_at < _REPEATED_S), None)

    async def migrate(self) -> None:
        """Migrate the history once, and again after an outage. Raises `HistoryUnavailable` and `HistoryUnsuitable`."""
        if self._is_migrated:
            return
        await self._history.migrate()
        self._is_migrated = True

    async def archive(self, jobs: Sequence[JobRecord]) -> None:
        """Write ended jobs as manifests and to the history, and confirm those that both hold.

        The manifest comes first: whenever a restored backup lacks a job, its manifest exists.
        """
        if not jobs:
            return
        try:
            await self.migrate()
            written = await asyncio.to_thread(self._write_manifests, jobs)
            refused = (await self._history.archive(jobs)).refused
        except (HistoryUnavailable, HistoryUnsuitable) as error:
            self._report("archive", error)
            return
        self._report("archive", None)
        await asyncio.to_thread(self._remove_manifests, refused)
        if written:
            versions = [ArchivedVersion(job.id, job.version) for job in written]
            await self._jobs.call(commands.confirm_archived(versions))

    async def archive_deliveries(self, deliveries: Sequence[DeliveryRecord]) -> None:
        """Write ended deliveries of archived jobs to the history, and confirm them."""
        if not deliveries:
            return
        try:
            await self.migrate()
            await self._history.archive_deliveries(deliveries)
        except (HistoryUnavailable, HistoryUnsuitable) as error:
            self._report("archive_deliveries", error)
            return
        self._report("archive_deliveries", None)
        await self._jobs.call(commands.confirm_deliveries(deliveries))

    async def expire(self) -> bool:
        """Apply the retention of the history, and return whether more is pending."""
        now_ms = time.time_ns() // 1_000_000
        try:
            await self.migrate()
            measures = time.monotonic() - self._measured_at >= _MEASURED_S
            limit_bytes = self._limit_bytes if measures else None
            retention = HistoryRetention(now_ms, self._outputs_ms, self._jobs_ms, limit_bytes)
            result = await self._history.expire(retention, _LIMIT)
            if measures and not result.more:
                self._measured_at = time.monotonic()
            removals = await self._history.removals(_LIMIT)
            if removals:
                await self._jobs.call(commands.remove_archived(removals))
                await self._history.confirm_removals(removals)
        except (HistoryUnavailable, HistoryUnsuitable) as error:
            self._report("expire", error)
            return False
        self._report("expire", None)
        _log_expiry(result)
        return result.more or len(removals) >= _LIMIT

    def _report(self, operation: str, error: RenderqSharedError | None) -> None:
        """Remember the result of an operation; log the first error of an outage, and its end.

        One operation may fail while another works: a full disk refuses to archive, but has nothing to expire.
        """
        if error:
            self._is_migrated = False  # the database may come back from a backup
            self._problems[operation] = (str(error), time.monotonic())
        else:
            self._problems.pop(operation, None)
        problem = self.problem
        if problem and not self._is_reported:
            log.warning("history.unavailable", reason=problem)
        elif self._is_reported and not problem:
            log.info("history.available")
        self._is_reported = problem is not None

    def _write_manifests(self, jobs: Sequence[JobRecord]) -> list[JobRecord]:
        """Return the jobs that need no manifest any more. Stops at the first failure: the store is down."""
        written: list[JobRecord] = []
        try:
            for job in jobs:
                if not job.outputs_expired:  # its files are being removed, the manifest with them
                    self._objects.put(manifest_key(job.id), encode_manifest(job), CONTENT_TYPE)
                written.append(job)
        except ObjectStoreUnavailable as error:
            log.warning("manifests.write_failed", reason=str(error))
        return written

    def _remove_manifests(self, job_ids: Iterable[str]) -> None:
        """Remove the manifests of jobs that were deleted after they had been handed out for archiving."""
        try:
            for job_id in job_ids:
                self._objects.delete_prefix(manifest_key(job_id).removesuffix(MANIFEST_NAME))
        except ObjectStoreUnavailable as error:  # they are removed once more in an hour
            log.warning("manifests.remove_failed", reason=str(error))


def _log_expiry(result: ExpiryResult) -> None:
    if result.outputs_expired or result.deleted:
        log.info("retention.applied", outputs_expired=result.outputs_expired, deleted=result.deleted)
