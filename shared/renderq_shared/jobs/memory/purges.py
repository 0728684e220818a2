"""Purges of the in-memory store. Counterpart of `lua/include/purges.lua`."""

from collections.abc import Callable
from dataclasses import replace

from renderq_shared.jobs.lifetimes import PURGE_TTL_MS
from renderq_shared.jobs.purge_records import PurgeRecord


class PurgeTable:
    """Purges by tenant, and the leases of those in progress. The caller serializes calls."""

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self._now_ms = clock_ms
        self._records: dict[str, PurgeRecord] = {}
        self._leases: dict[str, int] = {}
        """Tenant with a purge in progress → end of its lease."""

    def is_in_progress(self, purge: PurgeRecord) -> bool:
        return purge.tenant in self and self._records[purge.tenant].started_ms == purge.started_ms

    def __contains__(self, tenant: str) -> bool:
        """Return whether a purge of the tenant is in progress."""
        return tenant in self._leases

    def start(self, tenant: str) -> PurgeRecord:
        if tenant not in self:
            self._records[tenant] = PurgeRecord(tenant, self._now_ms())
            self._leases[tenant] = self._now_ms()
        return self._records[tenant]

    def get(self, tenant: str) -> PurgeRecord | None:
        record = self._records.get(tenant)
        is_old = record and record.completed_ms is not None and record.completed_ms + PURGE_TTL_MS <= self._now_ms()
        return None if is_old else record

    def claim(self, lease_ms: int) -> PurgeRecord | None:
        due = sorted((until, tenant) for tenant, until in self._leases.items() if until <= self._now_ms())
        if not due:
            return None
        tenant = due[0][1]
        self._leases[tenant] = self._now_ms() + lease_ms
        return self._records[tenant]

    def renew(self, purge: PurgeRecord, lease_ms: int, jobs: int) -> bool:
        if not self.is_in_progress(purge):
            return False
        self._leases[purge.tenant] = self._now_ms() + lease_ms
        current = self._records[purge.tenant]
        self._records[purge.tenant] = replace(current, jobs=max(jobs, current.jobs))
        return True

    def count_assets(self, tenant: str, count: int) -> None:
        self._records[tenant] = replace(self._records[tenant], assets=self._records[tenant].assets + count)

    def end(self, tenant: str) -> None:
        del self._leases[tenant]
        self._records[tenant] = replace(self._records[tenant], completed_ms=self._now_ms())

    def refuses_upload(self, tenant: str, reserved_ms: int) -> bool:
        """Return whether a reservation was made before the end of the tenant's last purge."""
        last = self.get(tenant)
        return last is not None and (last.completed_ms is None or reserved_ms < last.completed_ms)
