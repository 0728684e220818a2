"""Steps of a purge in the in-memory store. Counterpart of the scripts `purge_page`, `purge_jobs`, `purge_keys` and
`complete_purge`."""

from collections.abc import Callable, Sequence

from renderq_shared.jobs.memory.assets import AssetTable
from renderq_shared.jobs.memory.jobs import JobTable
from renderq_shared.jobs.memory.purges import PurgeTable
from renderq_shared.jobs.memory.removals import LATE_MS, Removals
from renderq_shared.jobs.memory.retention import RetentionTable
from renderq_shared.jobs.purge_records import PurgedJob, PurgePage, PurgeRecord
from renderq_shared.jobs.records import JobRecord


class PurgeSteps:
    """Deletes the data of a tenant. The caller serializes calls."""

    def __init__(
        self,
        purges: PurgeTable,
        jobs: JobTable,
        assets: AssetTable,
        retention: RetentionTable,
        removals: Removals,
        *,
        idempotency_keys: dict[tuple[str, str], tuple[str, str, int]],
        claims: dict[str, tuple[str, int]],
        clock_ms: Callable[[], int],
    ) -> None:
        self._purges = purges
        self._jobs = jobs
        self._assets = assets
        self._retention = retention
        self._removals = removals
        self._idempotency_keys = idempotency_keys
        self._claims = claims
        self._now_ms = clock_ms

    def page(self, purge: PurgeRecord, skip: int, limit: int) -> PurgePage:
        if not self._purges.is_in_progress(purge):
            return PurgePage((), 0)
        oldest_first = sorted(self._jobs.of_tenant(purge.tenant), key=lambda job: (job.created_ms, job.id))
        jobs = [self._jobs.cancel(job) for job in oldest_first[skip : skip + limit]]
        ended = [job for job in jobs if not self._is_waited_for(job)]
        return PurgePage(
            tuple(PurgedJob(job.id, job.images, self._may_be_written(job)) for job in ended), len(jobs) - len(ended)
        )

    def delete_jobs(self, purge: PurgeRecord, jobs: Sequence[PurgedJob]) -> None:
        for each in jobs:
            job = self._jobs.jobs.get(each.job_id)
            if job is None:
                self._jobs.outbox.delete(each.job_id, each.images)
                self._assets.release(purge.tenant, each.job_id)
            elif job.tenant == purge.tenant and job.status.is_terminal:
                self._retention.delete_job(job)
            else:
                continue
            self._retention.publish_deletion(purge.tenant, each.job_id)
            prefix = f"jobs/{each.job_id}/"
            self._removals.confirm_deleted([prefix])
            self._removals.late.pop(prefix, None)
            if each.is_removed_again:
                self._removals.late[prefix] = self._now_ms() + LATE_MS

    def delete_keys(self, purge: PurgeRecord, cursor: str, count: int) -> str:
        tenant = purge.tenant
        if self._purges.is_in_progress(purge):
            for key in [key for key in self._idempotency_keys if key[0] == tenant]:
                del self._idempotency_keys[key]
            for claim_id in [id for id, (job_id, _) in self._claims.items() if job_id not in self._jobs.jobs]:
                del self._claims[claim_id]
            self._retention.forget_deletions(tenant)
            self._purges.count_assets(tenant, self._assets.purge(tenant))
        return "0"

    def complete(self, purge: PurgeRecord) -> bool:
        if not self._purges.is_in_progress(purge):
            return True
        if self._jobs.of_tenant(purge.tenant):
            return False
        self._jobs.forget_tenant(purge.tenant)
        self._purges.end(purge.tenant)
        return True

    def _is_waited_for(self, job: JobRecord) -> bool:
        return not job.status.is_terminal or self._jobs.unarchived.get(job.id, 0) > self._now_ms()

    def _may_be_written(self, job: JobRecord) -> bool:
        """Return whether a worker that was cut off, or an archiver whose lease has ended, may still write files."""
        was_cut_off = self._jobs.accounts[job.id].ended_by != job.claim_id
        return was_cut_off or self._jobs.unarchived.get(job.id, job.completed_ms) != job.completed_ms
