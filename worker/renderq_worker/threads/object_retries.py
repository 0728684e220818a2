"""Retries of calls to an object store that is temporarily down."""

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

import structlog

from renderq_shared.errors import ObjectStoreUnavailable
from renderq_worker.threads.inflight_operations import InflightOperations

log = structlog.get_logger(__name__)

RETRY_DELAYS_S = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Delays between attempts: the store may be down for a minute before an image fails."""

Result = TypeVar("Result")


class ObjectRetries:
    """Calls an object store with a limited number of attempts. Thread-safe."""

    def __init__(self, operations: InflightOperations, closing: threading.Event, delays_s: Sequence[float]) -> None:
        self._operations = operations
        self._closing = closing
        self._delays_s = delays_s

    def run(self, operation: str, call: Callable[[], Result]) -> Result:
        """Return the result of `call`, which watchdog and log know as `operation`.

        Raises `ObjectStoreUnavailable` after the last attempt, or when closing.
        """
        for delay_s in self._delays_s:
            try:
                with self._operations.track(operation):
                    return call()
            except ObjectStoreUnavailable as error:
                log.warning("objects.call_failed", operation=operation, reason=str(error), retry_in_s=delay_s)
            if self._closing.wait(delay_s):
                break
        with self._operations.track(operation):
            return call()
