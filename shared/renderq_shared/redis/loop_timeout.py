"""A timeout in the time of the event loop, which passes only while the loop runs."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

_STEPS = 8
"""A standstill of the loop, however long, costs at most one of them."""


@asynccontextmanager
async def loop_timeout(seconds: float) -> AsyncGenerator[None]:
    """Like `asyncio.timeout`, but time in which the loop stands still hardly counts.

    After a standstill, `asyncio.timeout` ends a call whose reply has already arrived, unread. Raises `TimeoutError`.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(None) as timeout:

        def step(left: int) -> None:
            nonlocal timer
            if left:
                timer = loop.call_later(seconds / _STEPS, step, left - 1)
            else:
                timeout.reschedule(loop.time())

        timer = loop.call_later(seconds / _STEPS, step, _STEPS - 1)
        try:
            yield
        finally:
            timer.cancel()
