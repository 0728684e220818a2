"""Threads that an unexpected error does not end."""

import threading
import time
from collections.abc import Callable

import structlog

from renderq_shared.outage import Outage

log = structlog.get_logger(__name__)

_RESTART_DELAY_S = 0.5

_STEADY_S = 10.0
"""A loop that ran for this long works: its next error is a new one, and is logged again."""


class SupervisedThread(threading.Thread):
    """Daemon thread that runs a loop until it returns. After an error it logs, waits, and runs the loop again."""

    def __init__(self, name: str, loop: Callable[[], None]) -> None:
        super().__init__(name=name, daemon=True)
        self._loop = loop

    def run(self) -> None:
        outage = Outage()
        while True:
            started = time.monotonic()
            try:
                self._loop()
                return
            except BaseException as error:  # even SystemExit would silently end only this thread
                if time.monotonic() - started > _STEADY_S:
                    outage.end()
                if outage.has_new_cause(error):
                    log.exception("thread.failed", thread=self.name, retry_in_s=_RESTART_DELAY_S)
            time.sleep(_RESTART_DELAY_S)
