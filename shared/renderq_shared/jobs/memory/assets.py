"""Assets of the in-memory store. Counterpart of `lua/include/assets.lua` and the scripts on assets."""

from collections.abc import Callable
from dataclasses import asdict, replace

from renderq_shared.jobs.asset_records import AssetRecord, NewAsset
from renderq_shared.jobs.memory.removals import Removals
from renderq_shared.jobs.records import JobRecord, NewJob


class AssetTable:
    """Assets by tenant and id. The caller serializes calls."""

    def __init__(self, removals: Removals, clock_ms: Callable[[], int]) -> None:
        self._removals = removals
        self._now_ms = clock_ms
        self._assets: dict[tuple[str, str], AssetRecord] = {}
        self._used_by_job: dict[str, tuple[str, ...]] = {}
        """Job id → ids of the assets that it uses."""

    def get(self, tenant: str, asset_id: str) -> AssetRecord | None:
        return self._assets.get((tenant, asset_id))

    def reserve(self, asset: NewAsset, reservation_ttl_ms: int) -> AssetRecord | None:
        known = self._touch(asset)
        if known is None:
            self._removals.late[asset.prefix] = self._now_ms() + reservation_ttl_ms
        return known

    def commit(self, asset: NewAsset) -> AssetRecord | None:
        is_reserved = self._removals.late.pop(asset.prefix, None) is not None
        known = self.get(asset.tenant, asset.id)
        if known is None and is_reserved:
            now = self._now_ms()
            self._assets[asset.tenant, asset.id] = AssetRecord(**asdict(asset), created_ms=now, used_ms=now)
        elif known is not None and known.prefix != asset.prefix and is_reserved:
            self._removals.schedule_once(asset.prefix)
        return self._touch(asset)

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
        self._used_by_job[job.id] = job.assets
        for asset_id in job.assets:
            self._count_reference(job.tenant, asset_id, by=1)

    def release(self, job: JobRecord) -> None:
        """Drop a deleted job's references."""
        for asset_id in self._used_by_job.pop(job.id, ()):
            self._count_reference(job.tenant, asset_id, by=-1)

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
