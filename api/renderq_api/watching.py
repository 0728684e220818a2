"""One subscription per process tells every waiting request what became of its job."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Generator

import structlog

from renderq_shared.jobs.changes import Change, Reconnected
from renderq_shared.jobs.records import JobRecord

log = structlog.get_logger(__name__)

_AFTER_FAULT_S = 1.0
"""Pause before a subscription that failed is begun anew."""


class Watcher:
    """One request's view of one job."""

    def __init__(self) -> None:
        self._news = asyncio.Event()
        self._ended: JobRecord | None = None

    def tell(self, ended: JobRecord | None) -> None:
        """The job has ended as `ended`; or, with `None`, something may have been missed: read it again."""
        self._ended = self._ended or ended
        self._news.set()

    async def news(self) -> JobRecord | None:
        """The ended job as soon as there is one; `None` when the job should be read again."""
        await self._news.wait()
        self._news.clear()
        return self._ended


class Watching:
    """Who waits for which job. `run` feeds it; `close` ends every wait at once."""

    def __init__(self, subscribe: Callable[[], AsyncGenerator[Change | Reconnected]]) -> None:
        self._subscribe = subscribe
        self._watchers: defaultdict[str, set[Watcher]] = defaultdict(set)
        self.closed = False

    @contextlib.contextmanager
    def watch(self, job_id: str) -> Generator[Watcher]:
        """Watch a job: nothing that happens to it from here on is missed."""
        watcher = Watcher()
        self._watchers[job_id].add(watcher)
        try:
            yield watcher
        finally:
            self._watchers[job_id].discard(watcher)
            if not self._watchers[job_id]:
                del self._watchers[job_id]

    def watchers(self, job_id: str) -> int:
        """How many requests wait for a job."""
        return len(self._watchers.get(job_id, ()))

    async def run(self) -> None:
        """Pass on changes until cancelled. While Redis is away, waiters fall back on their heartbeat."""
        while True:
            try:
                async with contextlib.aclosing(self._subscribe()) as events:
                    async for event in events:
                        self._pass_on(event)
            except Exception:
                # The subscription mends broken connections by itself: whatever comes here is a fault.
                log.exception("subscription_failed")
            await asyncio.sleep(_AFTER_FAULT_S)

    def close(self) -> None:
        """Let every waiting request answer with its job as it is now."""
        self.closed = True
        self._tell_all()

    def _pass_on(self, event: Change | Reconnected) -> None:
        match event:
            case Reconnected():
                self._tell_all()
            case Change():
                if event.record.status.is_terminal:
                    for watcher in self._watchers.get(event.job_id, ()):
                        watcher.tell(event.record)

    def _tell_all(self) -> None:
        for watchers in self._watchers.values():
            for watcher in watchers:
                watcher.tell(None)
