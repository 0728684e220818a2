"""Retention: write job manifests, expire outputs, delete old jobs and assets with their files.

The job store returns the pending work and repeats it until it is confirmed. So a process may die at any point, and
several processes need no leader. Separate from the sweeper because an object store may be slow.
"""

import asyncio
from collections.abc import Iterable

import structlog

from renderq_api.housekeeping.jitter import jittered
from renderq_shared.errors import ObjectStoreUnavailable, StoreUnavailable
from renderq_shared.jobs import AsyncJobStore, JobRecord, Retention, commands
from renderq_shared.manifests.manifest import CONTENT_TYPE, encode_manifest, manifest_key
from renderq_shared.objects import ObjectStore
from renderq_shared.settings import ApiSettings

log = structlog.get_logger(__name__)

_LIMIT = 20
"""Maximum number of jobs and assets of each kind per call."""

_LEASE_MS = 60_000
"""Lease on returned work. Afterward the store returns unconfirmed deletions and manifests to the next caller."""


def retention_policy(settings: ApiSettings) -> Retention:
    """Return the retention times of the settings; 0 seconds means forever."""
    return Retention(
        outputs_ms=settings.output_retention_seconds * 1000 or None,
        jobs_ms=settings.job_retention_seconds * 1000 or None,
        assets_ms=settings.asset_retention_seconds * 1000 or None,
    )


class RetentionLoop:
    """Applies retention in a loop."""

    def __init__(self, jobs: AsyncJobStore, objects: ObjectStore, settings: ApiSettings) -> None:
        self._jobs = jobs
        self._objects = objects
        self._policy = retention_policy(settings)
        self._pause_s = settings.sweep_seconds

    async def run(self) -> None:
        """Apply retention until canceled."""
        while True:
            try:
                while await self.run_once():
                    pass
            except StoreUnavailable:
                pass  # the sweeper logs it
            await asyncio.sleep(jittered(self._pause_s))

    async def run_once(self) -> bool:
        """Run one batch, delete and write its objects, and return whether more is pending."""
        result = await self._jobs.call(commands.apply_retention(self._policy, _LEASE_MS, _LIMIT))
        if result.outputs_expired or result.deleted or result.assets_expired:
            log.info(
                "retention.applied",
                outputs_expired=result.outputs_expired,
                deleted=result.deleted,
                assets_expired=result.assets_expired,
            )
        if deleted := await asyncio.to_thread(self._delete, result.removals):
            await self._jobs.call(commands.confirm_deleted(deleted))
        if written := await asyncio.to_thread(self._write_manifests, result.manifests):
            await self._jobs.call(commands.confirm_manifests(written))
        return result.more

    def _delete(self, prefixes: Iterable[str]) -> list[str]:
        """Delete objects by prefix and return the prefixes that are done. One failure does not stop the others."""
        deleted: list[str] = []
        for prefix in prefixes:
            try:
                count = self._objects.delete_prefix(prefix)
            except ObjectStoreUnavailable as error:
                log.warning("objects.delete_failed", prefix=prefix, reason=str(error))
            else:
                deleted.append(prefix)
                log.info("objects.deleted", prefix=prefix, count=count)
        return deleted

    def _write_manifests(self, jobs: Iterable[JobRecord]) -> list[str]:
        """Write manifests and return the ids of their jobs. Stops at the first failure: the store is down."""
        written: list[str] = []
        try:
            for job in jobs:
                self._objects.put(manifest_key(job.id), encode_manifest(job), CONTENT_TYPE)
                written.append(job.id)
        except ObjectStoreUnavailable as error:
            log.warning("manifests.write_failed", reason=str(error))
        return written
