"""A thread that calls a function periodically."""

import threading
from collections.abc import Callable

from renderq_shared.threads import SupervisedThread


class PeriodicThread:
    """Calls `tick` on a daemon thread; its result is the delay until the next call, in seconds. An error does not end
    the thread."""

    def __init__(self, name: str, tick: Callable[[], float]) -> None:
        self._tick = tick
        self._is_closing = False
        self._wake_requested = threading.Event()
        self._thread = SupervisedThread(name, self._run)

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
        while not self._is_closing:
            self._wake_requested.clear()
            delay_s = self._tick()
            if not self._is_closing:
                self._wake_requested.wait(delay_s)
