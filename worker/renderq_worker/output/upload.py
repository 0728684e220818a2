"""Uploads with retries, for an object store that is temporarily down."""

import threading
from collections.abc import Sequence

import structlog

from renderq_shared.errors import ObjectStoreUnavailable
from renderq_shared.objects import ObjectStore
from renderq_worker.threads.inflight_operations import InflightOperations

log = structlog.get_logger(__name__)

RETRY_DELAYS_S = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Delays between attempts: the store may be down for a minute before an image fails."""


class Uploader:
    """Writes objects with a limited number of attempts. Thread-safe."""

    def __init__(
        self,
        objects: ObjectStore,
        operations: InflightOperations,
        closing: threading.Event,
        retry_delays_s: Sequence[float],
    ) -> None:
        self._objects = objects
        self._operations = operations
        self._closing = closing
        self._retry_delays_s = retry_delays_s

    def put(self, key: str, data: bytes, content_type: str) -> None:
        """Write the object durably. Raises `ObjectStoreUnavailable` after the last attempt, or when closing."""
        for delay_s in self._retry_delays_s:
            try:
                return self._attempt(key, data, content_type)
            except ObjectStoreUnavailable as error:
                log.warning("upload.failed", key=key, reason=str(error), retry_in_s=delay_s)
            if self._closing.wait(delay_s):
                break
        return self._attempt(key, data, content_type)

    def _attempt(self, key: str, data: bytes, content_type: str) -> None:
        with self._operations.track(f"upload of {key}"):
            self._objects.put(key, data, content_type)
