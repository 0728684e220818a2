"""Event streams: what is news about one job, under which name, until it has ended or we shut down."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from renderq.contract import EventName, Status
from renderq_api.representing import output_count
from renderq_api.waiting import HEARTBEAT_S, Found, Read, read_again
from renderq_api.watching import Heard, Watcher, Watching
from renderq_shared.errors import StoreUnavailable
from renderq_shared.jobs import ShownPreview


@dataclass(frozen=True, slots=True)
class News:
    """One event: the job as it is now, and the most important thing that changed."""

    name: EventName
    found: Found


async def follow(
    watching: Watching, watcher: Watcher, read: Read, found: Found, since: int | None
) -> AsyncGenerator[News | ShownPreview | None]:
    """Every news from `found` on, and what previews the watcher is shown; `None` as a sign of life after `HEARTBEAT_S`
    without any.

    `since` is the version that the client has already. Whoever takes slowly gets the newest version and not those in
    between. Ends after `done`, at shutdown, or when `read` does not find the job any more. The watch must have begun
    before `found` was read. While Redis is away the stream stays open: the subscription's return wakes it.
    """
    told = found if found[0].version == since else None
    current: Found | None = found
    while current is not None:
        if told is None or _is_newer(current, told):
            yield News(_name(told, current), current)
            told = current
        if current[0].status.is_terminal:
            yield News("done", current)
        if current[0].status.is_terminal or watching.closed:
            return
        heard = Heard(missed=True)
        try:
            async with asyncio.timeout(HEARTBEAT_S):
                heard = await watcher.news()
        except TimeoutError:
            yield None
        if watching.closed:
            return
        if heard.preview is not None:
            yield heard.preview
        current = await _look(watching, heard, read, current)


async def _look(watching: Watching, heard: Heard, read: Read, current: Found) -> Found | None:
    """The job as it is now, as far as that can be known: messages tell everything but a queued job's place."""
    told = current if heard.record is None else (heard.record, None)
    if heard.missed or (heard.record is not None and heard.record.status is Status.QUEUED):
        with contextlib.suppress(StoreUnavailable):
            return await read_again(watching, read)
    return told


def _is_newer(current: Found, told: Found) -> bool:
    (record, place), (before, place_before) = current, told
    if record.version == before.version:
        return place is not None and place != place_before
    return record.version > before.version


def _name(told: Found | None, current: Found) -> EventName:
    record = current[0]
    if told is None or record.version == told[0].version:
        return "status"
    before = told[0]
    if output_count(record) > output_count(before):
        return "output"
    same = (record.status, record.stage, record.attempt) == (before.status, before.stage, before.attempt)
    return "progress" if same else "status"
