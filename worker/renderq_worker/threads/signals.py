"""SIGTERM and SIGINT, waited for synchronously: handlers would interrupt the main thread anywhere."""

import signal

_STOP_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT})


class StopSignals:
    """Create on the main thread before any other thread starts, because threads inherit the signal mask."""

    def __init__(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)

    def wait(self) -> None:
        """Wait for a signal."""
        signal.sigwait(_STOP_SIGNALS)

    def received_within(self, timeout_s: float) -> bool:
        """Return whether a signal arrives within `timeout_s`. Each signal is reported once."""
        return signal.sigtimedwait(_STOP_SIGNALS, timeout_s) is not None
