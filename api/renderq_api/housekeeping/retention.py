"""Housekeeping in every API process: write manifests, let go of jobs and assets that were kept for long enough, remove
pictures.

The job store says which, and asks again until it is told that it is done; so a process may die anywhere,
and several need no leader. Beside the sweeps, not among them: an object store may take its time.
"""

import asyncio
import random
from collections.abc import Iterable

import structlog

from renderq_shared.errors import ObjectStoreUnavailable, StoreUnavailable
from renderq_shared.jobs import AsyncJobStore, JobRecord, Retention, commands
from renderq_shared.manifests.manifest import CONTENT_TYPE, encode_manifest, manifest_key
from renderq_shared.objects import ObjectStore
from renderq_shared.settings.models import ApiSettings

log = structlog.get_logger(__name__)

_LIMIT = 20
"""Jobs and assets of each kind that one call may touch."""

_LEASE_MS = 60_000
"""Pictures that are not removed, and manifests that are not written by then, are given to whoever asks next."""

_JITTER = 0.25
"""Share of the pause by which it varies, so that processes drift apart."""

_random = random.SystemRandom()


def retention_policy(settings: ApiSettings) -> Retention:
    """What the settings say; nothing is kept for 0 seconds, so 0 stands for ever."""
    return Retention(
        outputs_ms=settings.output_retention_seconds * 1000 or None,
        jobs_ms=settings.job_retention_seconds * 1000 or None,
        assets_ms=settings.asset_retention_seconds * 1000 or None,
    )


class RetentionLoop:
    """Retires for ever."""

    def __init__(self, jobs: AsyncJobStore, objects: ObjectStore, settings: ApiSettings) -> None:
        self._jobs = jobs
        self._objects = objects
        self._keep = retention_policy(settings)
        self._pause_s = settings.sweep_seconds

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                while await self.run_once():
                    pass
            except StoreUnavailable:
                pass  # the sweeps tell of it
            except Exception:
                log.exception("retiring_failed")
            await asyncio.sleep(self._pause_s * _random.uniform(1 - _JITTER, 1 + _JITTER))

    async def run_once(self) -> bool:
        """One call of the store and the removals that it asks for; whether there is more."""
        retired = await self._jobs.call(commands.apply_retention(self._keep, _LEASE_MS, _LIMIT))
        if retired.outputs_expired or retired.deleted or retired.assets_expired:
            log.info(
                "retired", emptied=retired.outputs_expired, forgotten=retired.deleted, expired=retired.assets_expired
            )
        if gone := await asyncio.to_thread(self._remove, retired.removals):
            await self._jobs.call(commands.confirm_deleted(gone))
        if written := await asyncio.to_thread(self._record, retired.manifests):
            await self._jobs.call(commands.confirm_manifests(written))
        return retired.more

    def _remove(self, prefixes: Iterable[str]) -> list[str]:
        """Prefixes below which nothing is left. One that fails holds up no other."""
        gone: list[str] = []
        for prefix in prefixes:
            try:
                count = self._objects.delete_prefix(prefix)
            except ObjectStoreUnavailable as error:
                log.warning("pictures_not_removed", prefix=prefix, reason=str(error))
            else:
                gone.append(prefix)
                log.info("pictures_removed", prefix=prefix, objects=count)
        return gone

    def _record(self, jobs: Iterable[JobRecord]) -> list[str]:
        """Jobs whose manifests are written. A store that is away fails the first; the others wait with it."""
        written: list[str] = []
        try:
            for job in jobs:
                self._objects.put(manifest_key(job.id), encode_manifest(job), CONTENT_TYPE)
                written.append(job.id)
        except ObjectStoreUnavailable as error:
            log.warning("manifests_not_written", reason=str(error))
        return written
