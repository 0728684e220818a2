"""Stop signals, waited for synchronously: handlers would interrupt the main thread anywhere."""

import os
import signal
import time

from renderq_shared.stop_signals import ESCALATING, stop_signals


class StopSignals:
    """Create on the main thread before any other thread starts, because threads inherit the signal mask."""

    def __init__(self) -> None:
        self._signals = stop_signals()
        signal.pthread_sigmask(signal.SIG_BLOCK, self._signals)

    @staticmethod
    def send() -> None:
        """Send this process SIGTERM. Callable on any thread."""
        os.kill(os.getpid(), signal.SIGTERM)

    def wait(self) -> None:
        """Wait for a signal."""
        signal.sigwait(self._signals)

    def received_within(self, timeout_s: float) -> bool:
        """Return whether a signal arrives within `timeout_s`. Each signal is reported once."""
        return signal.sigtimedwait(self._signals, timeout_s) is not None

    def repeated_within(self, timeout_s: float) -> bool:
        """Return whether a signal that is to end the drain arrives within `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        while (received := signal.sigtimedwait(self._signals, max(0.0, deadline - time.monotonic()))) is not None:
            if received.si_signo in ESCALATING:
                return True
        return False
