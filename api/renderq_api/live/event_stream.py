"""Events of one job, from its current state until it is terminal or the server shuts down."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from renderq.contract import EventName, Status
from renderq_api.job_views.job_snapshot import JobSnapshot
from renderq_api.job_views.job_view import output_count
from renderq_api.live.job_watchers import JobWatcher, JobWatchers, WatchUpdate
from renderq_api.live.long_poll import HEARTBEAT_S, ReadSnapshot, reread
from renderq_shared.errors import StoreUnavailable
from renderq_shared.jobs import PreviewMessage


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One event: the job's current state, named after its most important change."""

    name: EventName
    snapshot: JobSnapshot


async def stream_events(
    watchers: JobWatchers, watcher: JobWatcher, read: ReadSnapshot, snapshot: JobSnapshot, since: int | None
) -> AsyncGenerator[StreamEvent | PreviewMessage | None]:
    """Yield every change from `snapshot` on and the watcher's previews; `None` as a heartbeat after `HEARTBEAT_S`
    without either.

    `since` is the version that the client already has. A slow client gets only the newest version. Ends after `done`,
    at shutdown, or when `read` no longer finds the job. The watch must begin before `snapshot` is read. The stream
    stays open while Redis is down: the reconnected subscription wakes it.
    """
    last_sent = snapshot if snapshot[0].version == since else None
    current: JobSnapshot | None = snapshot
    while current is not None:
        if last_sent is None or _is_newer(current, last_sent):
            yield StreamEvent(_event_name(last_sent, current), current)
            last_sent = current
        if current[0].status.is_terminal:
            yield StreamEvent("done", current)
        if current[0].status.is_terminal or watchers.closed:
            return
        update = WatchUpdate(missed=True)
        try:
            async with asyncio.timeout(HEARTBEAT_S):
                update = await watcher.next_update()
        except TimeoutError:
            yield None
        if watchers.closed:
            return
        if update.preview is not None:
            yield update.preview
        current = await _current_snapshot(watchers, update, read, current)


async def _current_snapshot(
    watchers: JobWatchers, update: WatchUpdate, read: ReadSnapshot, current: JobSnapshot
) -> JobSnapshot | None:
    """Return the job's newest known state. Messages carry everything except the position of a queued job."""
    latest = current if update.record is None else (update.record, None)
    if update.missed or (update.record is not None and update.record.status is Status.QUEUED):
        with contextlib.suppress(StoreUnavailable):
            return await reread(watchers, read)
    return latest


def _is_newer(current: JobSnapshot, last_sent: JobSnapshot) -> bool:
    (record, position), (before, position_before) = current, last_sent
    if record.version == before.version:
        return position is not None and position != position_before
    return record.version > before.version


def _event_name(last_sent: JobSnapshot | None, current: JobSnapshot) -> EventName:
    record = current[0]
    if last_sent is None or record.version == last_sent[0].version:
        return "status"
    before = last_sent[0]
    if output_count(record) > output_count(before):
        return "output"
    unchanged = (record.status, record.stage, record.attempt) == (before.status, before.stage, before.attempt)
    return "progress" if unchanged else "status"
