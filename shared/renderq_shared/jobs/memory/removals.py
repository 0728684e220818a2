"""The in-memory store's notes of what is to be removed from the object store."""

from collections.abc import Callable, Iterable

LATE_MS = 3_600_000
"""A worker that was cut off may write pictures after they were removed: they are removed once more, so much later."""


class Removals:
    """Prefixes, and when they are to be removed. The caller sees to it that calls come singly."""

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self._now_ms = clock_ms
        self.due: dict[str, int] = {}
        self.late: dict[str, int] = {}
        """Not due yet, and not to be given out before they are."""

    def schedule_once(self, prefix: str) -> None:
        self.due[prefix] = self._now_ms()

    def schedule(self, prefix: str) -> None:
        self.schedule_once(prefix)
        self.late[prefix] = self._now_ms() + LATE_MS

    def promote_late(self, limit: int) -> list[str]:
        """What was late and is due now."""
        late = self._ripe(self.late, limit)
        for prefix in late:
            del self.late[prefix]
            self.schedule_once(prefix)
        return late

    def lease_due(self, lease_ms: int, limit: int) -> list[str]:
        """What the caller is to remove, before another one is asked to."""
        given = self._ripe(self.due, limit)
        self.due.update(dict.fromkeys(given, self._now_ms() + lease_ms))
        return given

    def confirm_deleted(self, prefixes: Iterable[str]) -> None:
        for prefix in prefixes:
            self.due.pop(prefix, None)

    def _ripe(self, noted: dict[str, int], limit: int) -> list[str]:
        ripe = sorted((when, prefix) for prefix, when in noted.items() if when <= self._now_ms())
        return [prefix for _, prefix in ripe[:limit]]
