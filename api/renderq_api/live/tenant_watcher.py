"""One tenant stream's view: the newest of everything that it has not yet taken."""

import asyncio
from collections.abc import Hashable
from dataclasses import dataclass
from typing import TypeAlias

from renderq.contract import QueuePlace, Stats, Status
from renderq_api.auth import Caller
from renderq_shared.jobs import JobRecord, PreviewMessage
from renderq_shared.jobs.redis import Deletion

MAX_PENDING = 1_000
"""Updates that wait for a slow reader. Beyond, they are dropped, and the reader lists its jobs again."""


@dataclass(frozen=True, slots=True)
class Ready:
    """No change is missed from now on; the list of jobs has the earlier ones."""


@dataclass(frozen=True, slots=True)
class Places:
    """Places of the first queued jobs."""

    data: tuple[QueuePlace, ...]


TenantUpdate: TypeAlias = Ready | JobRecord | Deletion | Places | Stats | PreviewMessage


class TenantWatcher:
    """Keeps updates until the stream takes them. A newer one of the same thing takes the place of the older one, so a
    slow reader skips versions and uses bounded memory."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self._pending: dict[Hashable, TenantUpdate] = {Ready: Ready()}
        self._updated = asyncio.Event()
        self._updated.set()
        self._ended = False

    def notify_missed(self) -> None:
        """Note that changes may have been missed."""
        self._put(Ready, Ready())

    def notify(self, record: JobRecord) -> None:
        """Set the newest record of a job."""
        if record.status is not Status.RUNNING:
            self._drop_previews(record.id)
        self._put((JobRecord, record.id), record)

    def notify_deletion(self, deletion: Deletion) -> None:
        """Note that a job was deleted."""
        self._pending.pop((JobRecord, deletion.job_id), None)
        self._put((Deletion, deletion.job_id), deletion)

    def notify_places(self, places: Places) -> None:
        """Set the current places."""
        self._put(Places, places)

    def notify_stats(self, stats: Stats) -> None:
        """Set the current load of the service."""
        self._put(Stats, stats)

    def notify_preview(self, preview: PreviewMessage) -> None:
        """Set the newest preview of an image."""
        self._put((PreviewMessage, preview.job_id, preview.index), preview)

    def end(self) -> None:
        """End the stream, whatever is pending."""
        self._ended = True
        self._updated.set()

    async def next_update(self) -> TenantUpdate | None:
        """Wait for an update and return the oldest; `None` once the stream is to end."""
        await self._updated.wait()
        if self._ended:
            return None
        update = self._pending.pop(next(iter(self._pending)))
        if not self._pending:
            self._updated.clear()
        return update

    def _put(self, key: Hashable, update: TenantUpdate) -> None:
        if len(self._pending) >= MAX_PENDING and key not in self._pending:
            self._pending = {Ready: Ready()}
        self._pending[key] = update
        self._updated.set()

    def _drop_previews(self, job_id: str) -> None:
        stale = [key for key, update in self._pending.items() if _is_preview_of(update, job_id)]
        for key in stale:
            del self._pending[key]


def _is_preview_of(update: TenantUpdate, job_id: str) -> bool:
    return isinstance(update, PreviewMessage) and update.job_id == job_id
