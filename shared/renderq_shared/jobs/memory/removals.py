"""Prefixes to remove from the object store, in the in-memory store. Counterpart of `schedule_removal` in Lua."""

from collections import Counter
from collections.abc import Callable, Iterable

LATE_MS = 3_600_000
"""Delay of the second removal, which deletes images that a worker wrote while it had lost its connection."""

_MAX_LEASE_MS = 3_600_000


class Removals:
    """Prefixes and the times of their removal. The caller serializes calls."""

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self._now_ms = clock_ms
        self.due: dict[str, int] = {}
        self.attempts = Counter[str]()
        """Prefix → times that it was handed out since its last confirmation."""
        self.late: dict[str, int] = {}
        """Prefixes that become due later: second removals and reserved assets."""

    def schedule_once(self, prefix: str) -> None:
        self.due[prefix] = self._now_ms()

    def schedule(self, prefix: str) -> None:
        self.schedule_once(prefix)
        self.late[prefix] = self._now_ms() + LATE_MS

    def promote_late(self, limit: int) -> list[str]:
        """Move prefixes whose time has come from `late` to `due`. Returns them."""
        late = self._past(self.late, limit)
        for prefix in late:
            del self.late[prefix]
            self.schedule_once(prefix)
        return late

    def lease_due(self, lease_ms: int, limit: int) -> list[str]:
        """Return due prefixes for the caller to remove; they become due again after `lease_ms`, doubled each time."""
        leased = self._past(self.due, limit)
        self.attempts.update(leased)
        for prefix in leased:
            pause_ms = min(lease_ms * 2 ** (self.attempts[prefix] - 1), max(lease_ms, _MAX_LEASE_MS))
            self.due[prefix] = self._now_ms() + pause_ms
        return leased

    def confirm_deleted(self, prefixes: Iterable[str]) -> None:
        for prefix in prefixes:
            self.due.pop(prefix, None)
            self.attempts.pop(prefix, None)

    def _past(self, times: dict[str, int], limit: int) -> list[str]:
        past = sorted((time_ms, prefix) for prefix, time_ms in times.items() if time_ms <= self._now_ms())
        return [prefix for _, prefix in past[:limit]]
