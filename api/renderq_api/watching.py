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
    """One request's view of one job: keeps the newest snapshot alone, however slowly it is asked for."""

    def __init__(self, *, end_only: bool) -> None:
        self._end_only = end_only
        self._news = asyncio.Event()
        self._newest: JobRecord | None = None
        self._missed = False

    def tell(self, record: JobRecord | None) -> None:
        """The job is now `record`; or, with `None`, something may have been missed: read it again."""
        if record is None:
            self._missed = True
        elif self._end_only and not record.status.is_terminal:
            return
        elif self._newest is None or record.version > self._newest.version:
            self._newest = record
        self._news.set()

    async def news(self) -> JobRecord | None:
        """The job's newest snapshot as soon as there is one; `None` when the job should be read again."""
        await self._news.wait()
        self._news.clear()
        newest, missed = self._newest, self._missed
        self._newest, self._missed = None, False
        return None if missed and not (newest and newest.status.is_terminal) else newest


class Watching:
    """Who waits for which job. `run` feeds it; `close` ends every wait and every stream at once."""

    def __init__(self, subscribe: Callable[[], AsyncGenerator[Change | Reconnected]]) -> None:
        self._subscribe = subscribe
        self._watchers: defaultdict[str, set[Watcher]] = defaultdict(set)
        self.closed = False

    @contextlib.contextmanager
    def watch(self, job_id: str, *, end_only: bool = False) -> Generator[Watcher]:
        """Watch a job, or only for its end: nothing that happens to it from here on is missed."""
        watcher = Watcher(end_only=end_only)
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
        """Let every waiting request answer with its job as it is now, and end every stream."""
        self.closed = True
        self._tell_all()

    def _pass_on(self, event: Change | Reconnected) -> None:
        match event:
            case Reconnected():
                self._tell_all()
            case Change():
                for watcher in self._watchers.get(event.job_id, ()):
                    watcher.tell(event.record)

    def _tell_all(self) -> None:
        for watchers in self._watchers.values():
            for watcher in watchers:
                watcher.tell(None)
