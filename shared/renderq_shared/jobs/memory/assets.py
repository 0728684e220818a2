"""The in-memory store's assets: what `lua/reserve_asset.lua`, `commit_asset.lua` and `asset.lua` do."""

from collections.abc import Callable
from dataclasses import asdict, replace

from renderq_shared.jobs.asset_records import AssetRecord, NewAsset
from renderq_shared.jobs.memory.removals import Removals
from renderq_shared.jobs.records import JobRecord, NewJob


class AssetTable:
    """Assets by tenant and id. The caller sees to it that calls come singly."""

    def __init__(self, removals: Removals, clock_ms: Callable[[], int]) -> None:
        self._removals = removals
        self._now_ms = clock_ms
        self._assets: dict[tuple[str, str], AssetRecord] = {}
        self._named_by: dict[str, tuple[str, ...]] = {}
        """Job → the assets that it names."""

    def get(self, tenant: str, asset_id: str) -> AssetRecord | None:
        return self._assets.get((tenant, asset_id))

    def reserve(self, asset: NewAsset, reservation_ttl_ms: int) -> AssetRecord | None:
        known = self._use(asset)
        if known is None:
            self._removals.late[asset.prefix] = self._now_ms() + reservation_ttl_ms
        return known

    def commit(self, asset: NewAsset) -> AssetRecord | None:
        expected = self._removals.late.pop(asset.prefix, None) is not None
        known = self.get(asset.tenant, asset.id)
        if known is None and expected:
            now = self._now_ms()
            self._assets[asset.tenant, asset.id] = AssetRecord(**asdict(asset), created_ms=now, used_ms=now)
        elif known is not None and known.prefix != asset.prefix and expected:
            self._removals.schedule_once(asset.prefix)
        return self._use(asset)

    def expire(self, kept_ms: int | None, limit: int) -> tuple[str, ...]:
        """Let go of what has not been used for long; their ids."""
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
        """Those that no job names."""
        return [asset for asset in self._assets.values() if not asset.reference_count]

    def retain(self, job: NewJob) -> None:
        """A job was accepted."""
        self._named_by[job.id] = job.assets
        for asset_id in job.assets:
            self._change(job.tenant, asset_id, reference_count=1)

    def release(self, job: JobRecord) -> None:
        """A job is forgotten."""
        for asset_id in self._named_by.pop(job.id, ()):
            self._change(job.tenant, asset_id, reference_count=-1)

    def _change(self, tenant: str, asset_id: str, reference_count: int) -> None:
        asset = self._assets[tenant, asset_id]
        self._assets[tenant, asset_id] = replace(
            asset, reference_count=asset.reference_count + reference_count, used_ms=self._now_ms()
        )

    def _use(self, asset: NewAsset) -> AssetRecord | None:
        """Begin its life anew."""
        known = self.get(asset.tenant, asset.id)
        if known is not None:
            known = self._assets[asset.tenant, asset.id] = replace(known, used_ms=self._now_ms())
        return known
