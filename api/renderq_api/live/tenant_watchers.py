"""Fan-out of changes to the streams of tenants, and the places and load that they show."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable, Generator, Sequence

from renderq.contract import ProblemKind, QueuePlace, Stats
from renderq_api.auth import Caller
from renderq_api.http.problems import ApiProblem
from renderq_api.job_views.stats_view import to_stats
from renderq_api.live.tenant_watcher import Places, TenantWatcher
from renderq_shared.errors import StoreUnavailable
from renderq_shared.jobs import AsyncJobStore, QueuedJob, commands
from renderq_shared.jobs.redis import Change, Deletion, Reconnected

MAX_STREAMS_PER_TENANT = 64
MAX_STREAMS = 1_024
"""Limits of one API process. Every change of a tenant is sent to each of its streams."""

INTERVAL_S = 1.0
"""Interval between two reads of the load and the places."""

_MAX_TENANTS = 32
"""Tenants whose places are read in one interval; with more, they take turns. Bounds the load on Redis."""

_MAX_PLACES = 100


class TenantWatchers:
    """Watchers by tenant. `run` reads places and load while there are any, and ends those whose key is revoked."""

    def __init__(
        self,
        jobs: AsyncJobStore,
        catalog: Sequence[str],
        to_place: Callable[[QueuedJob], QueuePlace],
        admits: Callable[[Caller], bool],
    ) -> None:
        """`catalog`: names of the models. `admits`: whether a caller admitted earlier would still be."""
        self._jobs = jobs
        self._catalog = catalog
        self._to_place = to_place
        self._admits = admits
        self._watchers: defaultdict[str, set[TenantWatcher]] = defaultdict(set)
        self._stats: Stats | None = None
        """The load as all watchers know it; `None` while there are none."""
        self._is_watched = asyncio.Event()

    @contextlib.contextmanager
    def watch(self, caller: Caller) -> Generator[TenantWatcher]:
        """Watch the caller's tenant. Raises `ApiProblem` beyond the limits of open streams."""
        self._require_capacity(caller.tenant)
        watcher = TenantWatcher(caller)
        if self._stats:
            watcher.notify_stats(self._stats)
        self._watchers[caller.tenant].add(watcher)
        self._is_watched.set()
        try:
            yield watcher
        finally:
            self._watchers[caller.tenant].discard(watcher)
            if not self._watchers[caller.tenant]:
                del self._watchers[caller.tenant]

    def watcher_count(self, tenant: str) -> int:
        """Return the number of streams of a tenant."""
        return len(self._watchers.get(tenant, ()))

    def dispatch(self, notification: Change | Deletion | Reconnected) -> None:
        """Pass a notification on to the streams of its tenant."""
        match notification:
            case Reconnected():
                for watcher in self._all():
                    watcher.notify_missed()
            case Change():
                for watcher in self._watchers.get(notification.tenant, ()):
                    watcher.notify(notification.record)
            case Deletion():
                for watcher in self._watchers.get(notification.tenant, ()):
                    watcher.notify_deletion(notification)

    def close(self) -> None:
        """End all streams."""
        for watcher in self._all():
            watcher.end()

    async def run(self) -> None:
        """Refresh places and load until canceled. While Redis is down, streams keep what they have."""
        while True:
            await self._is_watched.wait()
            self._end_revoked()
            with contextlib.suppress(StoreUnavailable):  # the sweeper logs it
                await self._refresh_stats()
                await self._refresh_places()
            if not self._watchers:
                self._is_watched.clear()
                self._stats = None
            await asyncio.sleep(INTERVAL_S)

    def _require_capacity(self, tenant: str) -> None:
        if self.watcher_count(tenant) >= MAX_STREAMS_PER_TENANT:
            detail = f"This tenant has {MAX_STREAMS_PER_TENANT} event streams open. Close some; each shows all jobs."
            raise ApiProblem(ProblemKind.TOO_MANY_STREAMS, detail)
        if len(self._all()) >= MAX_STREAMS:
            detail = "All event streams of this service are in use. Try again, or read the list of jobs."
            raise ApiProblem(ProblemKind.TOO_MANY_STREAMS, detail)

    def _end_revoked(self) -> None:
        for watcher in self._all():
            if not self._admits(watcher.caller):
                watcher.end()

    async def _refresh_stats(self) -> None:
        stats = to_stats(await self._jobs.call(commands.stats()), self._catalog)
        if stats != self._stats:
            self._stats = stats
            for watcher in self._all():
                watcher.notify_stats(stats)

    async def _refresh_places(self) -> None:
        for tenant in list(self._watchers)[:_MAX_TENANTS]:
            queued = await self._jobs.call(commands.queued_jobs(tenant, _MAX_PLACES))
            places = Places(tuple(map(self._to_place, queued)))
            for watcher in self._watchers.get(tenant, ()):
                watcher.notify_places(places)
            if tenant in self._watchers:  # the others are first next time
                self._watchers[tenant] = self._watchers.pop(tenant)

    def _all(self) -> list[TenantWatcher]:
        return [watcher for watchers in self._watchers.values() for watcher in watchers]
