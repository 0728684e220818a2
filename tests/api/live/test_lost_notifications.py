"""Watchers when Redis is down or change messages are lost."""

import asyncio
from collections.abc import AsyncGenerator

import pytest
from starlette.requests import Request

from renderq.contract import Status
from renderq_api.job_views.job_snapshot import JobSnapshot
from renderq_api.live import JobWatchers, StreamEvent, stream_events, wait_for_terminal
from renderq_api.live.long_poll import ReadSnapshot
from renderq_shared.errors import HistoryUnavailable, StoreUnavailable
from renderq_shared.jobs import PreviewChannels, commands
from renderq_shared.jobs.memory import MemoryJobStore
from renderq_shared.jobs.redis import Reconnected
from tests.job_store.factories import claim, claim_ref, get_job, submit


async def no_changes(_: PreviewChannels) -> AsyncGenerator[Reconnected]:
    return
    yield


async def unavailable() -> JobSnapshot | None:
    raise StoreUnavailable("Redis is down")


async def history_unavailable() -> JobSnapshot | None:
    raise HistoryUnavailable("the database is down")


@pytest.mark.parametrize("read", [unavailable, history_unavailable])
async def test_a_message_is_passed_on_even_if_the_queue_position_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch, read: ReadSnapshot
) -> None:
    monkeypatch.setattr("renderq_api.live.event_stream.HEARTBEAT_S", 0.05)
    store = MemoryJobStore()
    submit(store, "job_1")
    running = claim(store)
    assert running is not None
    watchers = JobWatchers(no_changes)
    with watchers.watch("job_1") as watcher:
        stream = stream_events(watchers, watcher, read, (running, None), None)
        await anext(stream)
        store.call(commands.requeue(claim_ref(running)))
        watcher.notify(get_job(store, "job_1"))
        event = await anext(stream)
        await stream.aclose()
    assert isinstance(event, StreamEvent)
    assert (event.name, event.snapshot[0].status) == ("status", Status.QUEUED)


async def test_waiters_that_may_have_missed_something_read_a_few_at_a_time() -> None:
    """Otherwise, after a lost subscription, watchers would take all Redis connections from new requests."""
    store, waiting, lost = MemoryJobStore(), asyncio.Event(), asyncio.Event()
    reads, reading, peak = 0, 0, 0

    async def subscribe(_: PreviewChannels) -> AsyncGenerator[Reconnected]:
        await lost.wait()
        yield Reconnected()
        await asyncio.Event().wait()

    async def read() -> JobSnapshot:
        nonlocal reads, reading, peak
        reads, reading = reads + 1, reading + 1
        peak = max(peak, reading)
        await asyncio.sleep(0)
        reading -= 1
        if reads == len(waits) and not reading:
            waiting.set()
        return get_job(store, "job_1"), None

    submit(store, "job_1")
    watchers, request = JobWatchers(subscribe), Request({"type": "http"}, receive=asyncio.Event().wait)

    async def wait() -> JobSnapshot | None:
        with watchers.watch("job_1", terminal_only=True) as watcher:
            return await wait_for_terminal(watchers, watcher, read, 10, request)

    listening = asyncio.create_task(watchers.run())
    waits = [asyncio.create_task(wait()) for _ in range(200)]
    await waiting.wait()
    store.call(commands.cancel("ada", "job_1"))
    peak = 0
    lost.set()
    found = await asyncio.gather(*waits)
    listening.cancel()
    assert {each[0].status for each in found if each} == {Status.CANCELED}
    assert (peak, reads) == (16, 2 * len(waits))
