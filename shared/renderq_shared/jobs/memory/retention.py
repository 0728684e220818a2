"""Retention of the in-memory store. Counterpart of the scripts `delete`, `apply_retention`, `confirm_*`, `restore`."""

from collections.abc import Callable, Iterable

from renderq_shared.jobs.history import DeleteResult, Retention, RetentionResult
from renderq_shared.jobs.lifetimes import DELETION_TTL_MS
from renderq_shared.jobs.memory.assets import AssetTable
from renderq_shared.jobs.memory.jobs import JobTable
from renderq_shared.jobs.memory.removals import Removals
from renderq_shared.jobs.records import JobRecord


class RetentionTable:
    """Deletion of jobs and assets, and pending manifests. The caller serializes calls."""

    def __init__(self, jobs: JobTable, assets: AssetTable, removals: Removals, clock_ms: Callable[[], int]) -> None:
        self._jobs = jobs
        self._assets = assets
        self._removals = removals
        self._now_ms = clock_ms
        self._manifests_due: dict[str, int] = {}
        """Job id → time at which its manifest is handed out again. A manifest is first due at the job's end."""
        self._confirmed: set[str] = set()
        self._deleted: dict[str, tuple[str, int]] = {}

    def delete(self, tenant: str, job_id: str) -> DeleteResult:
        job = self._jobs.jobs.get(job_id)
        if job is None or job.tenant != tenant:
            owner, until = self._deleted.get(job_id, ("", 0))
            return DeleteResult.DELETED if owner == tenant and until > self._now_ms() else DeleteResult.UNKNOWN
        if not job.status.is_terminal:
            return DeleteResult.NOT_ENDED
        self._delete_job(job)
        self._remove_images(job_id)
        self._deleted[job_id] = (tenant, self._now_ms() + DELETION_TTL_MS)
        return DeleteResult.DELETED

    def apply_retention(self, retention: Retention, lease_ms: int, limit: int) -> RetentionResult:
        expired_outputs = self._ended(retention.outputs_ms, limit, outputs_expired=False)
        for job in expired_outputs:
            self._remove_images(job.id)
            self._jobs.update(job, outputs_expired=True, outputs_json=None, grid_json=None)
        deleted_jobs = self._ended(retention.jobs_ms, limit, outputs_expired=True)
        for job in deleted_jobs:
            self._delete_job(job)
        assets_expired = self._assets.expire(retention.assets_ms, limit)
        late = self._removals.promote_late(limit)
        removals = self._removals.lease_due(lease_ms, limit)
        manifests = self._due_manifests(limit)
        self._manifests_due.update({job.id: self._now_ms() + lease_ms for job in manifests})
        return RetentionResult(
            outputs_expired=tuple(job.id for job in expired_outputs),
            deleted=tuple(job.id for job in deleted_jobs),
            assets_expired=assets_expired,
            removals=tuple(removals),
            manifests=manifests,
            more=max(map(len, (expired_outputs, deleted_jobs, assets_expired, late, removals, manifests))) >= limit,
        )

    def confirm_manifests(self, job_ids: Iterable[str]) -> None:
        self._confirmed.update(job_ids)

    def restore(self, job: JobRecord) -> bool:
        if job.id in self._jobs.jobs:
            return False
        self._jobs.restore(job)
        self._confirmed.add(job.id)
        return True

    @property
    def manifests(self) -> dict[str, int]:
        """Job id → time at which its manifest is due."""
        return {
            job.id: self._manifests_due.get(job.id, job.completed_ms)
            for job in self._jobs.jobs.values()
            if job.completed_ms is not None and not job.outputs_expired and job.id not in self._confirmed
        }

    def _due_manifests(self, limit: int) -> tuple[JobRecord, ...]:
        due = sorted((due_ms, job_id) for job_id, due_ms in self.manifests.items() if due_ms <= self._now_ms())
        return tuple(self._jobs.jobs[job_id] for _, job_id in due[:limit])

    def _delete_job(self, job: JobRecord) -> None:
        self._jobs.delete(job)
        self._assets.release(job)

    def _remove_images(self, job_id: str) -> None:
        self._confirmed.discard(job_id)
        self._manifests_due.pop(job_id, None)
        self._removals.schedule(f"jobs/{job_id}/")

    def _ended(self, kept_ms: int | None, limit: int, *, outputs_expired: bool) -> list[JobRecord]:
        if kept_ms is None:
            return []
        old = [
            (job.completed_ms, job.id, job)
            for job in self._jobs.jobs.values()
            if job.outputs_expired is outputs_expired
            and job.completed_ms is not None
            and job.completed_ms <= self._now_ms() - kept_ms
        ]
        return [job for *_, job in sorted(old, key=lambda each: each[:2])[:limit]]
