"""One subscription per process tells every waiting request what became of its job."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Generator
from dataclasses import dataclass

import structlog

from renderq.contract import Status
from renderq_shared.jobs import JobRecord, PreviewChannels, PreviewMessage
from renderq_shared.jobs.redis import Change, Reconnected

log = structlog.get_logger(__name__)

_AFTER_FAULT_S = 1.0
"""Pause before a subscription that failed is begun anew."""

_READERS = 16
"""Waiters that read at the same time: a share of the connections to Redis, the rest being for requests that come."""


@dataclass(frozen=True, slots=True)
class WatchUpdate:
    """What a watcher has to tell."""

    record: JobRecord | None = None
    """The job's newest snapshot."""
    missed: bool = False
    """Something may have been missed: read the job again."""
    preview: PreviewMessage | None = None
    """The newest of an image of a job that runs."""


class JobWatcher:
    """One request's view of one job: keeps the newest snapshot alone, and the newest preview of each image, however
    slowly it is asked for."""

    def __init__(self, *, terminal_only: bool) -> None:
        self._terminal_only = terminal_only
        self._news = asyncio.Event()
        self._newest: JobRecord | None = None
        self._missed = False
        self._previews: dict[int, PreviewMessage] = {}

    def notify(self, record: JobRecord | None) -> None:
        """The job is now `record`; or, with `None`, something may have been missed: read it again."""
        if record is None:
            self._missed = True
        elif self._terminal_only and not record.status.is_terminal:
            return
        elif self._newest is None or record.version > self._newest.version:
            self._newest = record
        self._news.set()

    def notify_preview(self, preview: PreviewMessage) -> None:
        """An image of the job looks like this."""
        self._previews[preview.index] = preview
        self._news.set()

    async def next_update(self) -> WatchUpdate:
        """Whatever there is to tell, as soon as there is anything; of several previews one, then the next."""
        await self._news.wait()
        newest, missed = self._newest, self._missed
        self._newest, self._missed = None, False
        if newest and newest.status is not Status.RUNNING:
            self._previews.clear()
        preview = self._previews.pop(next(iter(self._previews))) if self._previews else None
        if not self._previews:
            self._news.clear()
        return WatchUpdate(newest, missed and not (newest and newest.status.is_terminal), preview)


class JobWatchers:
    """Who waits for which job. `run` feeds it; `close` ends every wait and every stream at once."""

    def __init__(
        self, subscribe: Callable[[PreviewChannels], AsyncGenerator[Change | PreviewMessage | Reconnected]]
    ) -> None:
        self._subscribe = subscribe
        self._watchers: defaultdict[str, set[JobWatcher]] = defaultdict(set)
        self._viewers: defaultdict[str, set[JobWatcher]] = defaultdict(set)
        self._previews = PreviewChannels()
        self.closed = False
        self.read_semaphore = asyncio.Semaphore(_READERS)
        """Held by waiters while they read their job again: a lost subscription sends all of them at once."""

    @contextlib.contextmanager
    def watch(self, job_id: str, *, terminal_only: bool = False) -> Generator[JobWatcher]:
        """Watch a job, or only for its end: nothing that happens to it from here on is missed."""
        watcher = JobWatcher(terminal_only=terminal_only)
        self._watchers[job_id].add(watcher)
        try:
            yield watcher
        finally:
            self._watchers[job_id].discard(watcher)
            if not self._watchers[job_id]:
                del self._watchers[job_id]

    @contextlib.contextmanager
    def watch_previews(self, job_id: str, watcher: JobWatcher) -> Generator[None]:
        """Show a watcher its job's previews, too: while this goes on, some are made."""
        self._viewers[job_id].add(watcher)
        self._previews.subscribe(job_id)
        try:
            yield
        finally:
            self._viewers[job_id].discard(watcher)
            if not self._viewers[job_id]:
                del self._viewers[job_id]
                self._previews.unsubscribe(job_id)

    def watcher_count(self, job_id: str) -> int:
        """How many requests wait for a job."""
        return len(self._watchers.get(job_id, ()))

    async def run(self) -> None:
        """Pass on changes until cancelled. While Redis is away, waiters fall back on their heartbeat."""
        while True:
            try:
                async with contextlib.aclosing(self._subscribe(self._previews)) as events:
                    async for event in events:
                        self._pass_on(event)
            except Exception:
                # The subscription mends broken connections by itself: whatever comes here is a fault.
                log.exception("subscription_failed")
            await asyncio.sleep(_AFTER_FAULT_S)

    def close(self) -> None:
        """Let every waiting request answer with its job as it is now, and end every stream."""
        self.closed = True
        self._tell_all()

    def _pass_on(self, event: Change | PreviewMessage | Reconnected) -> None:
        match event:
            case Reconnected():
                self._tell_all()
            case Change():
                for watcher in self._watchers.get(event.job_id, ()):
                    watcher.notify(event.record)
            case PreviewMessage():
                for watcher in self._viewers.get(event.job_id, ()):
                    watcher.notify_preview(event)

    def _tell_all(self) -> None:
        for watchers in self._watchers.values():
            for watcher in watchers:
                watcher.notify(None)
