"""Live API processes of the in-memory store. Counterpart of `lua/register_api.lua` and `unregister_api.lua`."""

from collections.abc import Callable

from renderq_shared.jobs.archive_records import ApiRecord


class ApiTable:
    """Registered API processes and their histories until their TTL ends. The caller serializes calls."""

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self._now_ms = clock_ms
        self._registered: dict[str, tuple[str, int]] = {}

    def register(self, process: str, history: str, ttl_ms: int) -> tuple[str, ...]:
        others = tuple(api.process for api in self.live() if api.process != process and api.history != history)
        if not others:
            self._registered[process] = (history, self._now_ms() + ttl_ms)
        return others

    def live(self) -> tuple[ApiRecord, ...]:
        """Return the live processes by name."""
        live = {name: api for name, api in self._registered.items() if api[1] > self._now_ms()}
        self._registered = live
        return tuple(ApiRecord(name, history) for name, (history, _) in sorted(live.items()))

    def unregister(self, process: str) -> None:
        self._registered.pop(process, None)
