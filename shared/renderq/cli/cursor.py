"""The cursor of a terminal, which progress bars hide."""

import atexit
import contextlib
import os
import signal
import threading
from collections.abc import Generator
from types import FrameType
from typing import TextIO

_SHOW = b"\x1b[?25h"

_FATAL = ("SIGTERM", "SIGHUP", "SIGQUIT", "SIGABRT")


@contextlib.contextmanager
def restored_cursor(stream: TextIO) -> Generator[None]:
    """Show the cursor again after the block, also if the process ends in it, by a signal, an error or an exit.

    Nothing can be done about SIGKILL.
    """

    def show() -> None:
        with contextlib.suppress(OSError, ValueError):
            os.write(stream.fileno(), _SHOW)

    def end(number: int, _frame: FrameType | None) -> None:
        """End the process as the signal would have done."""
        show()
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)

    handled = _ending_signals()
    atexit.register(show)
    for number in handled:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in handled:
            signal.signal(number, signal.SIG_DFL)
        atexit.unregister(show)
        show()


def _ending_signals() -> list[signal.Signals]:
    """Return the signals that end the process, unless it ignores or handles them already."""
    if threading.current_thread() is not threading.main_thread():
        return []
    known = [signal.Signals[name] for name in _FATAL if hasattr(signal, name)]
    return [number for number in known if signal.getsignal(number) is signal.SIG_DFL]
