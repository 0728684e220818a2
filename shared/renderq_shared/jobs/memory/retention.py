"""What the in-memory store lets go of: what `lua/delete.lua`, `apply_retention.lua` and `confirm_manifests.lua` do."""

from collections.abc import Callable, Iterable

from renderq_shared.jobs.history import DeleteResult, Retention, RetentionResult
from renderq_shared.jobs.lifetimes import DELETION_TTL_MS
from renderq_shared.jobs.memory.assets import AssetTable
from renderq_shared.jobs.memory.jobs import JobTable
from renderq_shared.jobs.memory.removals import Removals
from renderq_shared.jobs.records import JobRecord


class RetentionTable:
    """Which jobs and assets are let go, and which manifests written. The caller sees to it that calls come singly."""

    def __init__(self, book: JobTable, assets: AssetTable, removals: Removals, clock_ms: Callable[[], int]) -> None:
        self._book = book
        self._assets = assets
        self._removals = removals
        self._now_ms = clock_ms
        self._manifests_due: dict[str, int] = {}
        """Job → when its manifest is to be given out again; those that were not given out yet are due at their end."""
        self._recorded: set[str] = set()
        self._deleted: dict[str, tuple[str, int]] = {}

    def delete(self, tenant: str, job_id: str) -> DeleteResult:
        job = self._book.jobs.get(job_id)
        if job is None or job.tenant != tenant:
            owner, until = self._deleted.get(job_id, ("", 0))
            return DeleteResult.DELETED if owner == tenant and until > self._now_ms() else DeleteResult.UNKNOWN
        if not job.status.is_terminal:
            return DeleteResult.NOT_ENDED
        self._forget(job)
        self._remove_pictures(job_id)
        self._deleted[job_id] = (tenant, self._now_ms() + DELETION_TTL_MS)
        return DeleteResult.DELETED

    def apply_retention(self, keep: Retention, lease_ms: int, limit: int) -> RetentionResult:
        emptied = self._ended(keep.outputs_ms, limit, outputs_expired=False)
        for job in emptied:
            self._remove_pictures(job.id)
            self._book.update(job, outputs_expired=True, outputs_json=None, grid_json=None)
        forgotten = self._ended(keep.jobs_ms, limit, outputs_expired=True)
        for job in forgotten:
            self._forget(job)
        expired = self._assets.expire(keep.assets_ms, limit)
        late = self._removals.promote_late(limit)
        removals = self._removals.lease_due(lease_ms, limit)
        manifests = self._unrecorded(limit)
        self._manifests_due.update({job.id: self._now_ms() + lease_ms for job in manifests})
        return RetentionResult(
            outputs_expired=tuple(job.id for job in emptied),
            deleted=tuple(job.id for job in forgotten),
            assets_expired=expired,
            removals=tuple(removals),
            manifests=manifests,
            more=max(map(len, (emptied, forgotten, expired, late, removals, manifests))) >= limit,
        )

    def confirm_manifests(self, job_ids: Iterable[str]) -> None:
        self._recorded.update(job_ids)

    def restore(self, job: JobRecord) -> bool:
        if job.id in self._book.jobs:
            return False
        self._book.restore(job)
        self._recorded.add(job.id)
        return True

    @property
    def manifests(self) -> dict[str, int]:
        """Job → when its manifest is to be written."""
        return {
            job.id: self._manifests_due.get(job.id, job.completed_ms)
            for job in self._book.jobs.values()
            if job.completed_ms is not None and not job.outputs_expired and job.id not in self._recorded
        }

    def _unrecorded(self, limit: int) -> tuple[JobRecord, ...]:
        due = sorted((when, job_id) for job_id, when in self.manifests.items() if when <= self._now_ms())
        return tuple(self._book.jobs[job_id] for _, job_id in due[:limit])

    def _forget(self, job: JobRecord) -> None:
        self._book.delete(job)
        self._assets.release(job)

    def _remove_pictures(self, job_id: str) -> None:
        self._recorded.discard(job_id)
        self._manifests_due.pop(job_id, None)
        self._removals.schedule(f"jobs/{job_id}/")

    def _ended(self, kept_ms: int | None, limit: int, *, outputs_expired: bool) -> list[JobRecord]:
        if kept_ms is None:
            return []
        old = [
            (job.completed_ms, job.id, job)
            for job in self._book.jobs.values()
            if job.outputs_expired is outputs_expired
            and job.completed_ms is not None
            and job.completed_ms <= self._now_ms() - kept_ms
        ]
        return [job for *_, job in sorted(old, key=lambda each: each[:2])[:limit]]
