"""Operations outside the engine that could hang, tracked while they run for the watchdog."""

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    name: str
    since: float
    """Monotonic clock, seconds."""


class InflightOperations:
    """Set of running operations. Thread-safe."""

    def __init__(self) -> None:
        self._running: set[Operation] = set()
        self._lock = threading.Lock()

    @contextmanager
    def track(self, name: str) -> Generator[None]:
        operation = Operation(name, time.monotonic())
        with self._lock:
            self._running.add(operation)
        try:
            yield
        finally:
            with self._lock:
                self._running.discard(operation)

    def oldest(self) -> Operation | None:
        with self._lock:
            return min(self._running, key=lambda operation: operation.since, default=None)
