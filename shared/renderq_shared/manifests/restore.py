"""Restore jobs that Redis has lost from their manifests."""

from collections.abc import Callable
from dataclasses import dataclass

from renderq_shared.errors import ManifestInvalid, ObjectNotFound
from renderq_shared.jobs import JobStore, commands
from renderq_shared.manifests.manifest import is_manifest_key, manifest_key, read_manifest
from renderq_shared.objects import ObjectStore


@dataclass(frozen=True, slots=True)
class RestoreResult:
    """Number of manifests by outcome."""

    restored: int
    known: int
    """Jobs that Redis has; they are left unchanged."""
    unreadable: int


def restore_jobs(store: JobStore, objects: ObjectStore, on_unreadable: Callable[[str, str], None]) -> RestoreResult:
    """Restore the job of every manifest that Redis does not have. Idempotent.

    Calls `on_unreadable(key, reason)` for each manifest that it skips. Raises `StoreUnavailable` and
    `ObjectStoreUnavailable`.
    """
    restored = known = unreadable = 0
    for key in filter(is_manifest_key, objects.keys("jobs/")):
        try:
            job = read_manifest(objects.read(key))
            if manifest_key(job.id) != key:
                raise ManifestInvalid(f"it belongs to {job.id}")
        except ObjectNotFound:
            continue  # deleted by retention in the meantime
        except ManifestInvalid as error:
            unreadable += 1
            on_unreadable(key, str(error))
        else:
            if store.call(commands.restore(job)):
                restored += 1
            else:
                known += 1
    return RestoreResult(restored, known, unreadable)
