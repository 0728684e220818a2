"""Background loops of an API process, which an unexpected error does not end."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping

import structlog

from renderq_shared.outage import Outage

log = structlog.get_logger(__name__)

_RESTART_DELAY_S = 1.0

_STEADY_S = 5.0
"""A loop that ran for this long since its last error works again: its next error is logged again."""


class BackgroundLoops:
    """Runs loops. One that fails is logged, and runs again after a pause; `problem` names those that fail."""

    def __init__(self) -> None:
        self._failed_at: dict[str, float] = {}
        """Name of a loop → monotonic time of its last error."""

    @contextlib.asynccontextmanager
    async def running(self, loops: Mapping[str, Callable[[], Awaitable[None]]]) -> AsyncGenerator[None]:
        """Run the loops, by name, until the block ends."""
        tasks = [asyncio.create_task(self._supervise(name, run), name=name) for name, run in loops.items()]
        try:
            yield
        finally:
            running = set(tasks)
            while running:
                # A cancellation that coincides with a timeout can get lost; repeat it.
                for task in running:
                    task.cancel()
                _, running = await asyncio.wait(running, timeout=1.0)

    def problem(self) -> str | None:
        """Return which loops fail; `None` if all work."""
        failing = [name for name in self._failed_at if self._is_failing(name)]
        return f"background loops fail, see the log: {', '.join(failing)}" if failing else None

    def _is_failing(self, name: str) -> bool:
        return time.monotonic() - self._failed_at.get(name, float("-inf")) < _RESTART_DELAY_S + _STEADY_S

    async def _supervise(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        outage = Outage()
        while True:
            started = time.monotonic()
            try:
                await run()
                raise RuntimeError("the loop has ended")
            except Exception as error:
                if time.monotonic() - started > _STEADY_S:
                    outage.end()
                if outage.has_new_cause(error):
                    log.exception("loop.failed", loop=name, retry_in_s=_RESTART_DELAY_S)
                self._failed_at[name] = time.monotonic()
            await asyncio.sleep(_RESTART_DELAY_S)
