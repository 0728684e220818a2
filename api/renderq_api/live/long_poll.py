"""Long polls: hold a request until its job is terminal, its time is up, its client disconnects, or we shut down."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable

from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive

from renderq_api.job_views.job_snapshot import JobSnapshot
from renderq_api.live.job_watchers import JobWatcher, JobWatchers
from renderq_shared.errors import StoreUnavailable
from renderq_shared.jobs import JobRecord

HEARTBEAT_S = 15.0
"""Interval at which a waiting request rereads its job anyway. Bounds the cost of a lost message."""

_RETRY_DELAY_S = 1.0
"""Pause before a read that failed is retried."""

_REREAD_TIMEOUT_S = 2.0
"""Timeout of a reread, including the wait for the semaphore."""

ReadSnapshot = Callable[[], Awaitable[JobSnapshot | None]]
"""Read a job from the store; `None` if it does not exist. Raises `StoreUnavailable`."""


async def wait_for_terminal(
    watchers: JobWatchers, watcher: JobWatcher, read: ReadSnapshot, seconds: float, request: Request
) -> JobSnapshot | None:
    """Return the job once it is terminal, else its state after `seconds`; `None` if `read` does not find it.

    The watch must begin before the first read. Raises `ClientDisconnect`, and `StoreUnavailable` only from the first
    read.
    """
    deadline = time.monotonic() + seconds
    async with _disconnect(request.receive) as disconnected:
        snapshot, pause_s = await read(), HEARTBEAT_S
        while True:
            remaining_s = deadline - time.monotonic()
            if snapshot is None or snapshot[0].status.is_terminal or remaining_s <= 0 or watchers.closed:
                return snapshot
            if terminal := await _next_record(watcher, disconnected, min(remaining_s, pause_s)):
                return terminal, None
            try:
                snapshot, pause_s = await reread(watchers, read), HEARTBEAT_S
            except StoreUnavailable:
                pause_s = _RETRY_DELAY_S  # keep the last snapshot until Redis is back


async def reread(watchers: JobWatchers, read: ReadSnapshot) -> JobSnapshot | None:
    """Read a job again, with bounded concurrency. Raises `StoreUnavailable`, also if no slot is free in time."""
    try:
        async with asyncio.timeout(_REREAD_TIMEOUT_S), watchers.read_semaphore:
            return await read()
    except TimeoutError as error:
        raise StoreUnavailable("too many concurrent reads") from error


async def _next_record(watcher: JobWatcher, disconnected: asyncio.Task[None], timeout_s: float) -> JobRecord | None:
    update = asyncio.ensure_future(watcher.next_update())
    try:
        await asyncio.wait({update, disconnected}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if disconnected.done():
            raise ClientDisconnect
        return update.result().record if update.done() else None
    finally:
        update.cancel()


@contextlib.asynccontextmanager
async def _disconnect(receive: Receive) -> AsyncGenerator[asyncio.Task[None]]:
    """Run a task that is done when the client has disconnected."""

    async def wait_for_disconnect() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    task = asyncio.ensure_future(wait_for_disconnect())
    try:
        yield task
    finally:
        task.cancel()
