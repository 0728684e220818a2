"""Restore ended jobs that the history has lost from their manifests."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from renderq_shared.errors import ManifestInvalid, ObjectNotFound
from renderq_shared.history import History
from renderq_shared.jobs import JobRecord
from renderq_shared.manifests.manifest import is_manifest_key, manifest_key, read_manifest
from renderq_shared.objects import ObjectStore

_BATCH = 100


@dataclass(frozen=True, slots=True)
class RestoreResult:
    """Number of manifests by outcome."""

    restored: int
    known: int
    """Jobs that the history has, or that were deleted today; they are left unchanged."""
    unreadable: int


async def restore_jobs(
    history: History, objects: ObjectStore, on_unreadable: Callable[[str, str], None]
) -> RestoreResult:
    """Restore the job of every manifest that the history does not have. Idempotent.

    Calls `on_unreadable(key, reason)` for each manifest that it skips. Raises `HistoryUnavailable` and
    `ObjectStoreUnavailable`.
    """
    restored = known = unreadable = 0

    def skip(key: str, reason: str) -> None:
        nonlocal unreadable
        unreadable += 1
        on_unreadable(key, reason)

    jobs = _archived_jobs(objects, skip)
    while batch := list(islice(jobs, _BATCH)):
        added = (await history.archive(batch)).added
        restored += added
        known += len(batch) - added
    return RestoreResult(restored, known, unreadable)


def _archived_jobs(objects: ObjectStore, skip: Callable[[str, str], None]) -> Iterator[JobRecord]:
    for key in filter(is_manifest_key, objects.keys("jobs/")):
        try:
            job = read_manifest(objects.read(key))
            if manifest_key(job.id) != key:
                raise ManifestInvalid(f"it belongs to {job.id}")
        except ObjectNotFound:
            continue  # deleted by retention in the meantime
        except ManifestInvalid as error:
            skip(key, str(error))
        else:
            yield job
