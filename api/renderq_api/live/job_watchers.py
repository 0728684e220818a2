"""Fan-out of job changes: one Redis subscription per process feeds all waiting requests."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Generator
from dataclasses import dataclass
from typing import Protocol

from renderq.contract import Status
from renderq_shared.jobs import JobRecord, PreviewChannels, PreviewMessage
from renderq_shared.jobs.redis import Change, Reconnected

_MAX_READERS = 16
"""Watchers that may reread their job at the same time. Leaves the other Redis connections to new requests."""


@dataclass(frozen=True, slots=True)
class WatchUpdate:
    """One update of a watched job."""

    record: JobRecord | None = None
    """Newest record of the job."""
    missed: bool = False
    """Changes may have been missed: reread the job."""
    preview: PreviewMessage | None = None
    """Newest preview of one image of a running job."""


class PreviewReader(Protocol):
    """Takes the previews of jobs."""

    def notify_preview(self, preview: PreviewMessage) -> None:
        """Set the newest preview of an image."""
        ...


class JobWatcher:
    """One request's view of one job. Keeps only the newest record and the newest preview of each image, so a slow
    reader uses constant memory."""

    def __init__(self, *, terminal_only: bool) -> None:
        self._terminal_only = terminal_only
        self._updated = asyncio.Event()
        self._newest: JobRecord | None = None
        self._missed = False
        self._previews: dict[int, PreviewMessage] = {}

    def notify(self, record: JobRecord | None) -> None:
        """Set the newest record; `None` means that changes may have been missed."""
        if record is None:
            self._missed = True
        elif self._terminal_only and not record.status.is_terminal:
            return
        elif self._newest is None or record.version > self._newest.version:
            self._newest = record
        self._updated.set()

    def notify_preview(self, preview: PreviewMessage) -> None:
        """Set the newest preview of an image."""
        self._previews[preview.index] = preview
        self._updated.set()

    async def next_update(self) -> WatchUpdate:
        """Wait for an update and return it. Several pending previews come one per call."""
        await self._updated.wait()
        newest, missed = self._newest, self._missed
        self._newest, self._missed = None, False
        if newest and newest.status is not Status.RUNNING:
            self._previews.clear()
        preview = self._previews.pop(next(iter(self._previews))) if self._previews else None
        if not self._previews:
            self._updated.clear()
        return WatchUpdate(newest, missed and not (newest and newest.status.is_terminal), preview)


class JobWatchers:
    """Watchers by job. `run` feeds them; `close` ends all long polls and event streams at once."""

    def __init__(
        self, subscribe: Callable[[PreviewChannels], AsyncGenerator[Change | PreviewMessage | Reconnected]]
    ) -> None:
        self._subscribe = subscribe
        self._watchers: defaultdict[str, set[JobWatcher]] = defaultdict(set)
        self._viewers: defaultdict[str, set[PreviewReader]] = defaultdict(set)
        self._previews = PreviewChannels()
        self.closed = False
        self.read_semaphore = asyncio.Semaphore(_MAX_READERS)
        """Limits concurrent rereads: a lost subscription makes all watchers reread at once."""

    @contextlib.contextmanager
    def watch(self, job_id: str, *, terminal_only: bool = False) -> Generator[JobWatcher]:
        """Watch a job, or only its terminal status, from now on."""
        watcher = JobWatcher(terminal_only=terminal_only)
        self._watchers[job_id].add(watcher)
        try:
            yield watcher
        finally:
            self._watchers[job_id].discard(watcher)
            if not self._watchers[job_id]:
                del self._watchers[job_id]

    @contextlib.contextmanager
    def watch_previews(self, job_id: str, reader: PreviewReader) -> Generator[None]:
        """Deliver the job's previews to the reader. Workers make previews only while a subscriber exists."""
        self._viewers[job_id].add(reader)
        self._previews.subscribe(job_id)
        try:
            yield
        finally:
            self._viewers[job_id].discard(reader)
            if not self._viewers[job_id]:
                del self._viewers[job_id]
                self._previews.unsubscribe(job_id)

    def watcher_count(self, job_id: str) -> int:
        """Return the number of requests that watch a job."""
        return len(self._watchers.get(job_id, ()))

    async def run(self) -> None:
        """Dispatch changes until canceled. While Redis is down, watchers rely on their heartbeat."""
        async with contextlib.aclosing(self._subscribe(self._previews)) as events:
            async for event in events:
                self._dispatch(event)

    def close(self) -> None:
        """Make every long poll return its job's current state, and end every stream."""
        self.closed = True
        self._notify_all()

    def _dispatch(self, event: Change | PreviewMessage | Reconnected) -> None:
        match event:
            case Reconnected():
                self._notify_all()
            case Change():
                for watcher in self._watchers.get(event.job_id, ()):
                    watcher.notify(event.record)
            case PreviewMessage():
                for reader in self._viewers.get(event.job_id, ()):
                    reader.notify_preview(event)

    def _notify_all(self) -> None:
        for watchers in self._watchers.values():
            for watcher in watchers:
                watcher.notify(None)
