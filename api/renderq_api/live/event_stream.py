"""Event streams: what is news about one job, under which name, until it has ended or we shut down."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from renderq.contract import EventName, Status
from renderq_api.job_views.job_view import output_count
from renderq_api.live.job_watchers import JobWatcher, JobWatchers, WatchUpdate
from renderq_api.live.long_poll import HEARTBEAT_S, JobSnapshot, ReadSnapshot, reread
from renderq_shared.errors import StoreUnavailable
from renderq_shared.jobs import PreviewMessage


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One event: the job as it is now, and the most important thing that changed."""

    name: EventName
    snapshot: JobSnapshot


async def stream_events(
    watchers: JobWatchers, watcher: JobWatcher, read: ReadSnapshot, snapshot: JobSnapshot, since: int | None
) -> AsyncGenerator[StreamEvent | PreviewMessage | None]:
    """Every news from `found` on, and what previews the watcher is shown; `None` as a sign of life after `HEARTBEAT_S`
    without any.

    `since` is the version that the client has already. Whoever takes slowly gets the newest version and not those in
    between. Ends after `done`, at shutdown, or when `read` does not find the job any more. The watch must have begun
    before `found` was read. While Redis is away the stream stays open: the subscription's return wakes it.
    """
    last_sent = snapshot if snapshot[0].version == since else None
    current: JobSnapshot | None = snapshot
    while current is not None:
        if last_sent is None or _is_newer(current, last_sent):
            yield StreamEvent(_name(last_sent, current), current)
            last_sent = current
        if current[0].status.is_terminal:
            yield StreamEvent("done", current)
        if current[0].status.is_terminal or watchers.closed:
            return
        heard = WatchUpdate(missed=True)
        try:
            async with asyncio.timeout(HEARTBEAT_S):
                heard = await watcher.next_update()
        except TimeoutError:
            yield None
        if watchers.closed:
            return
        if heard.preview is not None:
            yield heard.preview
        current = await _look(watchers, heard, read, current)


async def _look(
    watchers: JobWatchers, heard: WatchUpdate, read: ReadSnapshot, current: JobSnapshot
) -> JobSnapshot | None:
    """The job as it is now, as far as that can be known: messages tell everything but a queued job's place."""
    told = current if heard.record is None else (heard.record, None)
    if heard.missed or (heard.record is not None and heard.record.status is Status.QUEUED):
        with contextlib.suppress(StoreUnavailable):
            return await reread(watchers, read)
    return told


def _is_newer(current: JobSnapshot, last_sent: JobSnapshot) -> bool:
    (record, place), (before, place_before) = current, last_sent
    if record.version == before.version:
        return place is not None and place != place_before
    return record.version > before.version


def _name(last_sent: JobSnapshot | None, current: JobSnapshot) -> EventName:
    record = current[0]
    if last_sent is None or record.version == last_sent[0].version:
        return "status"
    before = last_sent[0]
    if output_count(record) > output_count(before):
        return "output"
    same = (record.status, record.stage, record.attempt) == (before.status, before.stage, before.attempt)
    return "progress" if same else "status"
