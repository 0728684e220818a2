"""Long polls: hold a request until its job is terminal, its time is up, its client disconnects, or we shut down."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable

from starlette.requests import ClientDisconnect, Request

from renderq_api.http.http_protocol import input_end
from renderq_api.job_views.job_snapshot import JobSnapshot
from renderq_api.live.job_watchers import JobWatcher, JobWatchers
from renderq_shared.errors import HistoryUnavailable, StoreUnavailable
from renderq_shared.jobs import JobRecord

HEARTBEAT_S = 15.0
"""Interval at which a waiting request rereads its job anyway. Bounds the cost of a lost message."""

_RETRY_DELAY_S = 1.0
"""Pause before a read that failed is retried."""

_REREAD_TIMEOUT_S = 2.0
"""Timeout of a reread, including the wait for the semaphore."""

ReadSnapshot = Callable[[], Awaitable[JobSnapshot | None]]
"""Read a job; `None` if it does not exist. Raises `StoreUnavailable` and `HistoryUnavailable`."""


async def wait_for_terminal(
    watchers: JobWatchers,
    watcher: JobWatcher,
    read: ReadSnapshot,
    seconds: float,
    request: Request,
    *,
    ends_with_input: bool = False,
) -> JobSnapshot | None:
    """Return the job once it is terminal, else its state after `seconds`; `None` if `read` does not find it.

    The watch must begin before the first read. `ends_with_input`: take a client that closes its sending side as one
    that has hung up. Raises `ClientDisconnect`, and `StoreUnavailable` only from the first read.
    """
    deadline = time.monotonic() + seconds
    async with _disconnect(request, ends_with_input) as disconnected:
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
    """Read a job again, with bounded concurrency. Raises `StoreUnavailable`, also if no slot is free in time.

    A watched job was read before, so that a history that is away is no answer either.
    """
    try:
        async with asyncio.timeout(_REREAD_TIMEOUT_S), watchers.read_semaphore:
            return await read()
    except TimeoutError as error:
        raise StoreUnavailable("too many concurrent reads") from error
    except HistoryUnavailable as error:
        raise StoreUnavailable(str(error)) from error


async def _next_record(watcher: JobWatcher, disconnected: asyncio.Event, timeout_s: float) -> JobRecord | None:
    update, disconnect = asyncio.ensure_future(watcher.next_update()), asyncio.ensure_future(disconnected.wait())
    try:
        await asyncio.wait({update, disconnect}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if disconnect.done():
            raise ClientDisconnect
        return update.result().record if update.done() else None
    finally:
        update.cancel()
        disconnect.cancel()


@contextlib.asynccontextmanager
async def _disconnect(request: Request, ends_with_input: bool) -> AsyncGenerator[asyncio.Event]:
    """Yield an event that is set when the client has disconnected."""
    disconnected = input_end(request.scope) if ends_with_input else asyncio.Event()

    async def wait_for_disconnect() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        disconnected.set()

    task = asyncio.ensure_future(wait_for_disconnect())
    try:
        yield disconnected
    finally:
        task.cancel()
