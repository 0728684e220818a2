"""Job stores whose calls are observed: what they changed, and how long they took.

The store tells exactly one caller about each change, so that counters of all processes add up.
"""

import time
from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

from renderq_shared.errors import StoreUnavailable
from renderq_shared.jobs import AsyncJobStore, Command, JobStore

Result = TypeVar("Result")


class StoreObserver(Protocol):
    """Observer of calls. Its methods are quick and do not raise."""

    def on_result(self, command: Command[Any], result: Any, seconds: float) -> None: ...

    def on_unavailable(self, command: Command[Any]) -> None: ...


class ObservedJobStore:
    """A `JobStore` with observers."""

    def __init__(self, store: JobStore, observers: Sequence[StoreObserver]) -> None:
        self._store = store
        self._observers = tuple(observers)

    def call(self, command: Command[Result]) -> Result:
        started = time.perf_counter()
        try:
            result = self._store.call(command)
        except StoreUnavailable:
            _report_unavailable(self._observers, command)
            raise
        _report_result(self._observers, command, result, time.perf_counter() - started)
        return result


class AsyncObservedJobStore:
    """An `AsyncJobStore` with observers."""

    def __init__(self, store: AsyncJobStore, observers: Sequence[StoreObserver]) -> None:
        self._store = store
        self._observers = tuple(observers)

    async def call(self, command: Command[Result]) -> Result:
        started = time.perf_counter()
        try:
            result = await self._store.call(command)
        except StoreUnavailable:
            _report_unavailable(self._observers, command)
            raise
        _report_result(self._observers, command, result, time.perf_counter() - started)
        return result


def _report_result(
    observers: Sequence[StoreObserver], command: Command[Result], result: Result, seconds: float
) -> None:
    for observer in observers:
        observer.on_result(command, result, seconds)


def _report_unavailable(observers: Sequence[StoreObserver], command: Command[Any]) -> None:
    for observer in observers:
        observer.on_unavailable(command)
