"""A thread that does something again and again."""

import threading
from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)

_AFTER_ERROR_S = 1.0


class PeriodicThread:
    """Calls `tick` on a daemon thread; what it returns is the pause until the next call, in seconds."""

    def __init__(self, name: str, tick: Callable[[], float]) -> None:
        self._name = name
        self._tick = tick
        self._closing = False
        self._wake_requested = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """End the current pause."""
        self._wake_requested.set()

    def close(self, timeout_s: float) -> None:
        """End the thread after its current tick; give up waiting for it after `timeout_s`."""
        self._closing = True
        self.wake()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._closing:
            self._wake_requested.clear()
            try:
                pause_s = self._tick()
            except Exception:
                log.exception("tick_failed", ticker=self._name)
                pause_s = _AFTER_ERROR_S
            if not self._closing:
                self._wake_requested.wait(pause_s)
