"""Results that concurrent callers share."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class SharedResults(Generic[Value]):
    """The latest `size` results by key, each computed once, however many ask for it."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._tasks: dict[Hashable, asyncio.Task[Value]] = {}

    async def get(self, key: Hashable, compute: Callable[[], Awaitable[Value]]) -> Value:
        """Return the result of this key. Raises what `compute` raises, to all who wait, and is then computed again."""
        task = self._tasks.get(key)
        if task is None:
            task = self._tasks[key] = asyncio.create_task(_call(compute))
            if len(self._tasks) > self._size:
                del self._tasks[next(iter(self._tasks))]
        try:
            return await asyncio.shield(task)
        except Exception:
            if self._tasks.get(key) is task:
                del self._tasks[key]
            raise


async def _call(compute: Callable[[], Awaitable[Value]]) -> Value:
    return await compute()
