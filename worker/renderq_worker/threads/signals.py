"""SIGTERM and SIGINT as something to wait for, instead of handlers that run in the middle of anything."""

import signal

_STOPPING = frozenset({signal.SIGTERM, signal.SIGINT})


class StopSignals:
    """Must be made on the main thread before any other thread starts: threads inherit what is blocked."""

    def __init__(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)

    def wait(self) -> None:
        """Until one comes."""
        signal.sigwait(_STOPPING)

    def received_within(self, timeout_s: float) -> bool:
        """Whether one came within this time. Each one is reported once."""
        return signal.sigtimedwait(_STOPPING, timeout_s) is not None
