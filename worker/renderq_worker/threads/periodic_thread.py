"""A thread that calls a function periodically."""

import threading
from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)

_ERROR_DELAY_S = 1.0


class PeriodicThread:
    """Calls `tick` on a daemon thread; its result is the delay until the next call, in seconds. The first of several
    errors in a row is logged."""

    def __init__(self, name: str, tick: Callable[[], float]) -> None:
        self._name = name
        self._tick = tick
        self._is_closing = False
        self._wake_requested = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """End the current delay."""
        self._wake_requested.set()

    def close(self, timeout_s: float) -> None:
        """Stop the thread after its current tick; wait for it at most `timeout_s`."""
        self._is_closing = True
        self.wake()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        is_failing = False
        while not self._is_closing:
            self._wake_requested.clear()
            try:
                delay_s = self._tick()
                is_failing = False
            except BaseException:  # even SystemExit would silently end only this thread
                if not is_failing:
                    log.exception("thread.tick_failed", thread=self._name)
                is_failing, delay_s = True, _ERROR_DELAY_S
            if not self._is_closing:
                self._wake_requested.wait(delay_s)
