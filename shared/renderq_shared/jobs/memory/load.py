"""Load by minutes of the in-memory store. Counterpart of `lua/include/load.lua`."""

from collections import Counter, deque
from collections.abc import Callable

from renderq.contract import Status
from renderq_shared.jobs.records import LoadMinute

_MINUTE_MS = 60_000
_DAY_MS = 24 * 60 * _MINUTE_MS
_MAX_MINUTES = 1_440


class LoadTable:
    """Minutes in which there were jobs. The caller serializes calls."""

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self._now_ms = clock_ms
        self._minutes: deque[LoadMinute] = deque(maxlen=_MAX_MINUTES)
        self._started_ms: int | None = None
        self._queued = self._running = 0
        self._ended: Counter[Status] = Counter()

    def count_end(self, status: Status) -> None:
        self._ended[status] += 1

    def measure(self, queued: int, running: int) -> None:
        """Update the peaks of the current minute, and begin another once it is over."""
        now = self._now_ms()
        if self._started_ms is not None and now - self._started_ms >= _MINUTE_MS:
            minute = self._current(self._started_ms)
            if minute.queued or minute.running or self._ended:
                self._minutes.append(minute)
            self._started_ms = None
            self._queued = self._running = 0
            self._ended.clear()
        if self._started_ms is None:
            self._started_ms = now
        self._queued, self._running = max(self._queued, queued), max(self._running, running)

    def minutes(self) -> tuple[LoadMinute, ...]:
        """Return the minutes of the last day, oldest first, and the current one."""
        recent = (minute for minute in self._minutes if minute.started_ms >= self._now_ms() - _DAY_MS)
        return (*recent, *([] if self._started_ms is None else [self._current(self._started_ms)]))

    def _current(self, started_ms: int) -> LoadMinute:
        ended = (Status.SUCCEEDED, Status.FAILED, Status.CANCELED, Status.EXPIRED)
        return LoadMinute(started_ms, self._queued, self._running, *(self._ended[status] for status in ended))
