"""Assets of the in-memory store. Counterpart of `lua/include/assets.lua` and the scripts on assets."""

import sys
from collections.abc import Callable
from dataclasses import asdict, replace

from renderq_shared.jobs.asset_records import AssetRecord, NewAsset
from renderq_shared.jobs.memory.purges import PurgeTable
from renderq_shared.jobs.memory.removals import Removals
from renderq_shared.jobs.records import NewJob


class AssetTable:
    """Assets by tenant and id. The caller serializes calls."""

    def __init__(self, removals: Removals, purges: PurgeTable, clock_ms: Callable[[], int]) -> None:
        self._removals = removals
        self._purges = purges
        self._now_ms = clock_ms
        self._assets: dict[tuple[str, str], AssetRecord] = {}
        self._used_by_job: dict[tuple[str, str], tuple[str, ...]] = {}
        """Tenant and job id → ids of the assets that the job uses."""

    def get(self, tenant: str, asset_id: str) -> AssetRecord | None:
        return self._assets.get((tenant, asset_id))

    def reserve(self, asset: NewAsset, reservation_ttl_ms: int) -> AssetRecord | None:
        known = None if asset.tenant in self._purges else self._touch(asset)
        if known is None:
            self._removals.late[asset.prefix] = self._now_ms() + reservation_ttl_ms
        return known

    def commit(self, asset: NewAsset, reservation_ttl_ms: int) -> AssetRecord | None:
        expires_ms = self._removals.late.get(asset.prefix, sys.maxsize)
        if self._purges.refuses_upload(asset.tenant, expires_ms - reservation_ttl_ms):
            return None
        is_reserved = self._removals.late.pop(asset.prefix, None) is not None
        known = self.get(asset.tenant, asset.id)
        if known is None and is_reserved:
            now = self._now_ms()
            self._assets[asset.tenant, asset.id] = AssetRecord(**asdict(asset), created_ms=now, used_ms=now)
        elif known is not None and known.prefix != asset.prefix and is_reserved:
            self._removals.schedule_once(asset.prefix)
        return self._touch(asset)

    def purge(self, tenant: str) -> int:
        """Delete all assets of a tenant, and references to them. Returns the number of assets."""
        for key in [key for key in self._used_by_job if key[0] == tenant]:
            del self._used_by_job[key]
        purged = [key for key in self._assets if key[0] == tenant]
        for key in purged:
            del self._assets[key]
        return len(purged)

    def expire(self, kept_ms: int | None, limit: int) -> tuple[str, ...]:
        """Delete unreferenced assets last used more than `kept_ms` ago. Returns their ids."""
        if kept_ms is None:
            return ()
        old = sorted((asset.used_ms, f"{asset.id}:{asset.tenant}", asset) for asset in self.unreferenced)
        due = [asset for used_ms, _, asset in old if used_ms <= self._now_ms() - kept_ms][:limit]
        for asset in due:
            del self._assets[asset.tenant, asset.id]
            self._removals.schedule_once(asset.prefix)
        return tuple(asset.id for asset in due)

    @property
    def unreferenced(self) -> list[AssetRecord]:
        """Assets that no job uses."""
        return [asset for asset in self._assets.values() if not asset.reference_count]

    def retain(self, job: NewJob) -> None:
        """Count a new job's references."""
        self._used_by_job[job.tenant, job.id] = job.assets
        for asset_id in job.assets:
            self._count_reference(job.tenant, asset_id, by=1)

    def release(self, tenant: str, job_id: str) -> None:
        """Drop a deleted job's references. A purge may have deleted the assets."""
        for asset_id in self._used_by_job.pop((tenant, job_id), ()):
            if (tenant, asset_id) in self._assets:
                self._count_reference(tenant, asset_id, by=-1)

    def _count_reference(self, tenant: str, asset_id: str, by: int) -> None:
        asset = self._assets[tenant, asset_id]
        self._assets[tenant, asset_id] = replace(
            asset, reference_count=asset.reference_count + by, used_ms=self._now_ms()
        )

    def _touch(self, asset: NewAsset) -> AssetRecord | None:
        """Return the stored asset, if any, and renew its retention."""
        known = self.get(asset.tenant, asset.id)
        if known is not None:
            known = self._assets[asset.tenant, asset.id] = replace(known, used_ms=self._now_ms())
        return known
