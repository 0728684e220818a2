"""Long polls: hold a request until its job has ended, its time is up, its client has gone, or we shut down."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable

from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive

from renderq_api.live.job_watchers import JobWatcher, JobWatchers
from renderq_shared.errors import StoreUnavailable
from renderq_shared.jobs.records import JobRecord, QueuePosition

HEARTBEAT_S = 15.0
"""A waiter reads its job this often whatever it hears, so that no lost message can cost more."""

_AWAY_S = 1.0
"""Pause before a waiter asks again a Redis that did not answer."""

_TURN_S = 2.0
"""How long reading a job again may take, with the wait for a turn."""

JobSnapshot = tuple[JobRecord, QueuePosition | None]
ReadSnapshot = Callable[[], Awaitable[JobSnapshot | None]]


async def wait_for_terminal(
    watchers: JobWatchers, watcher: JobWatcher, read: ReadSnapshot, seconds: float, request: Request
) -> JobSnapshot | None:
    """The job once it is terminal, else as it is after `seconds`; `None` if `read` does not find it.

    The watch must have begun before the job could end. Raises `ClientDisconnect` when nobody waits for the answer, and
    `StoreUnavailable` only at the first look.
    """
    deadline = time.monotonic() + seconds
    async with _disconnect(request.receive) as gone:
        found, pause_s = await read(), HEARTBEAT_S
        while True:
            left = deadline - time.monotonic()
            if found is None or found[0].status.is_terminal or left <= 0 or watchers.closed:
                return found
            if ended := await _next_news(watcher, gone, min(left, pause_s)):
                return ended, None
            try:
                found, pause_s = await reread(watchers, read), HEARTBEAT_S
            except StoreUnavailable:
                pause_s = _AWAY_S  # what was read last stands until Redis is back


async def reread(watchers: JobWatchers, read: ReadSnapshot) -> JobSnapshot | None:
    """A job whose news may have been missed: a few waiters at a time, so that together they leave connections to Redis
    for requests that come. Raises `StoreUnavailable`, also when the turn does not."""
    try:
        async with asyncio.timeout(_TURN_S), watchers.read_semaphore:
            return await read()
    except TimeoutError as error:
        raise StoreUnavailable("too many ask at once") from error


async def _next_news(watcher: JobWatcher, gone: asyncio.Task[None], timeout_s: float) -> JobRecord | None:
    news = asyncio.ensure_future(watcher.next_update())
    try:
        await asyncio.wait({news, gone}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if gone.done():
            raise ClientDisconnect
        return news.result().record if news.done() else None
    finally:
        news.cancel()


@contextlib.asynccontextmanager
async def _disconnect(receive: Receive) -> AsyncGenerator[asyncio.Task[None]]:
    """A task that is done when the client has hung up."""

    async def hang_up() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    task = asyncio.ensure_future(hang_up())
    try:
        yield task
    finally:
        task.cancel()
