"""Archiving and deletion in the in-memory store. Counterpart of the scripts `delete`, `apply_retention`,
`confirm_archived`, `remove_archived` and `annotate`."""

from collections.abc import Callable, Sequence

from renderq_shared.jobs.archive_records import (
    ArchivedRemoval,
    ArchivedVersion,
    DeleteResult,
    Retention,
    RetentionResult,
)
from renderq_shared.jobs.lifetimes import DELETION_TTL_MS
from renderq_shared.jobs.memory.assets import AssetTable
from renderq_shared.jobs.memory.jobs import JobTable
from renderq_shared.jobs.memory.purges import PurgeTable
from renderq_shared.jobs.memory.removals import Removals
from renderq_shared.jobs.records import JobRecord

_DELIVERING_RECHECK_MS = 60_000


class RetentionTable:
    """Ended jobs until the history has them, and deleted ones. The caller serializes calls."""

    def __init__(
        self,
        jobs: JobTable,
        assets: AssetTable,
        removals: Removals,
        purges: PurgeTable,
        clock_ms: Callable[[], int],
        on_delete: Callable[[str, str], None],
    ) -> None:
        self._jobs = jobs
        self._assets = assets
        self._purges = purges
        self._removals = removals
        self._now_ms = clock_ms
        self._on_delete = on_delete
        self._deleted: dict[str, tuple[str, int]] = {}

    def delete(self, tenant: str, job_id: str, was_archived: bool) -> DeleteResult:
        job = self._jobs.jobs.get(job_id)
        if job is None and was_archived:
            self.publish_deletion(tenant, job_id)
            self._deleted[job_id] = (tenant, self._now_ms() + DELETION_TTL_MS)
            return DeleteResult.DELETED
        if job is None or job.tenant != tenant:
            owner, until = self._deleted.get(job_id, ("", 0))
            return DeleteResult.DELETED if owner == tenant and until > self._now_ms() else DeleteResult.UNKNOWN
        if not job.status.is_terminal:
            return DeleteResult.NOT_ENDED
        self.delete_job(job)
        self.publish_deletion(tenant, job_id)
        self._removals.schedule(f"jobs/{job_id}/")
        self._deleted[job_id] = (tenant, self._now_ms() + DELETION_TTL_MS)
        return DeleteResult.DELETED

    def apply_retention(self, retention: Retention, lease_ms: int, limit: int) -> RetentionResult:
        archived, released = self._release_archived(retention.archived_ms, limit)
        assets_expired = self._assets.expire(retention.assets_ms, limit)
        late = self._removals.promote_late(limit)
        removals = self._removals.lease_due(lease_ms, limit)
        ended = _due(self._jobs.unarchived, self._now_ms(), limit)
        unarchived = [job_id for job_id in ended if self._jobs.jobs[job_id].tenant not in self._purges]
        for job_id in set(ended) - set(unarchived):
            was_handed_out = self._jobs.unarchived[job_id] != self._jobs.jobs[job_id].completed_ms
            if not was_handed_out:  # else its purge has to see that its manifest may still be written
                del self._jobs.unarchived[job_id]
        self._jobs.unarchived.update(dict.fromkeys(unarchived, self._now_ms() + lease_ms))
        deliveries = self._jobs.outbox.lease_unarchived(lease_ms, limit)
        return RetentionResult(
            released=tuple(released),
            assets_expired=assets_expired,
            removals=tuple(removals),
            unarchived=tuple(self._jobs.jobs[job_id] for job_id in unarchived),
            deliveries=deliveries,
            more=max(map(len, (archived, assets_expired, late, removals, unarchived, deliveries))) >= limit,
        )

    def confirm_archived(self, versions: Sequence[ArchivedVersion]) -> None:
        for each in versions:
            job = self._find_ended(each.job_id)
            if job is None:
                continue
            if job.version <= each.version:
                self._jobs.unarchived.pop(job.id, None)
                self._jobs.archived.setdefault(job.id, job.completed_ms or 0)
            else:
                self._jobs.unarchived[job.id] = self._now_ms()

    def oldest_unarchived_age_ms(self) -> int | None:
        """Return the time since the end of the oldest of the 100 jobs to archive that are due first."""
        first = sorted(self._jobs.unarchived, key=lambda job_id: (self._jobs.unarchived[job_id], job_id))[:100]
        ages = (self._now_ms() - (self._jobs.jobs[job_id].completed_ms or 0) for job_id in first)
        return max(ages, default=None)

    def remove_archived(self, removals: Sequence[ArchivedRemoval]) -> None:
        for each in removals:
            job = self._jobs.jobs.get(each.job_id)
            if job is not None and not job.status.is_terminal:
                continue
            if each.is_deleted and job is not None:
                self.delete_job(job)
            elif each.is_deleted:
                self._jobs.outbox.delete(each.job_id, each.images)
                self._assets.release(each.tenant, each.job_id)
            elif job is not None and not job.outputs_expired:
                self._jobs.update(job, outputs_expired=True, outputs_json=None, grid_json=None)
                self._jobs.schedule_archive(job.id)
            if each.is_deleted:
                self.publish_deletion(each.tenant, each.job_id)
            self._removals.schedule(f"jobs/{each.job_id}/")

    def annotate(self, tenant: str, job_id: str, kept: bool | None, labels_json: str | None) -> JobRecord | None:
        job = self._jobs.jobs.get(job_id)
        if job is None or job.tenant != tenant:
            return None
        kept = job.kept if kept is None else kept
        labels_json = job.labels_json if labels_json is None else labels_json if labels_json != "[]" else None
        if (kept, labels_json) != (job.kept, job.labels_json):
            job = self._jobs.update(job, kept=kept, labels_json=labels_json)
            if job.status.is_terminal:
                self._jobs.schedule_archive(job.id)
        return job

    def forget_deletions(self, tenant: str) -> None:
        """Delete the markers of a tenant's deleted jobs."""
        self._deleted = {job_id: marker for job_id, marker in self._deleted.items() if marker[0] != tenant}

    def delete_job(self, job: JobRecord) -> None:
        """Delete an ended job; scheduled removals stay."""
        self._jobs.outbox.delete(job.id, job.images)
        self._jobs.delete(job)
        self._assets.release(job.tenant, job.id)

    def publish_deletion(self, tenant: str, job_id: str) -> None:
        """Tell that a job no longer exists anywhere, unless `delete` has done so."""
        if not self.is_deleted(job_id):
            self._on_delete(job_id, tenant)

    def is_deleted(self, job_id: str) -> bool:
        """Return whether a job was deleted a short time ago."""
        _, until = self._deleted.get(job_id, ("", 0))
        return until > self._now_ms()

    def _find_ended(self, job_id: str) -> JobRecord | None:
        job = self._jobs.jobs.get(job_id)
        return job if job and job.status.is_terminal else None

    def _release_archived(self, archived_ms: int | None, limit: int) -> tuple[list[str], list[str]]:
        """Return the jobs that are due and those of them that are released."""
        if archived_ms is None:
            return [], []
        due, released = _due(self._jobs.archived, self._now_ms() - archived_ms, limit), list[str]()
        for job_id in due:
            job = self._jobs.jobs[job_id]
            if self._jobs.outbox.has_pending(job):
                self._jobs.archived[job_id] = self._now_ms() - archived_ms + _DELIVERING_RECHECK_MS
            else:
                self._jobs.delete(job)
                self._jobs.outbox.release(job)
                released.append(job_id)
        return due, released


def _due(times: dict[str, int], until_ms: int, limit: int) -> list[str]:
    due = sorted((time_ms, job_id) for job_id, time_ms in times.items() if time_ms <= until_ms)
    return [job_id for _, job_id in due[:limit]]
