"""Notifications of changes, cancels and drains."""

import asyncio
import queue
import threading
from collections.abc import AsyncIterator

import pytest

from renderq.contract import Status
from renderq_shared.jobs import PreviewChannels, commands
from renderq_shared.jobs.redis import Change, Reconnected, RedisJobStore, WorkerSubscriber, subscribe
from renderq_shared.redis.clients import async_client
from tests.job_store.factories import SUCCEEDED, claim, claim_ref, get_job, submit, worker_record
from tests.valkey_server import Valkey


@pytest.fixture
async def watch(redis_url: str) -> AsyncIterator[AsyncIterator[Change | Reconnected]]:
    client = async_client(redis_url)
    changes = subscribe(client, PreviewChannels())
    assert await anext(changes) == Reconnected()
    yield changes
    await changes.aclose()
    await client.aclose()


async def test_every_change_is_seen_whole(watch: AsyncIterator[Change | Reconnected], store: RedisJobStore) -> None:
    submit(store, "job_1")
    mine = claim_ref(claim(store))
    store.call(commands.finish(mine, SUCCEEDED))
    seen = [await anext(watch) for _ in range(3)]
    assert [(change.job_id, change.tenant, change.version) for change in seen] == [
        ("job_1", "ada", n) for n in (1, 2, 3)
    ]
    assert [change.record.status for change in seen] == [Status.QUEUED, Status.RUNNING, Status.SUCCEEDED]
    assert seen[-1].record == get_job(store, "job_1")


async def test_a_watch_outlives_the_server_and_says_that_it_was_gone(
    watch: AsyncIterator[Change | Reconnected], store: RedisJobStore, valkey: Valkey
) -> None:
    waiting = asyncio.ensure_future(anext(watch))
    await asyncio.to_thread(valkey.restart)
    assert await waiting == Reconnected()
    submit(store, "job_1")
    assert (await anext(watch)).job_id == "job_1"


async def test_a_quiet_connection_is_kept(
    watch: AsyncIterator[Change | Reconnected], store: RedisJobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("renderq_shared.jobs.redis.notifications._QUIET_S", 0.05)
    waiting = asyncio.ensure_future(anext(watch))
    await asyncio.sleep(0.5)
    submit(store, "job_1")
    assert isinstance(await waiting, Change)


async def test_a_server_that_says_nothing_is_left_and_found_again(
    watch: AsyncIterator[Change | Reconnected], valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("renderq_shared.jobs.redis.notifications._QUIET_S", 0.1)
    waiting = asyncio.ensure_future(anext(watch))
    valkey.pause()
    try:
        await asyncio.sleep(1)
    finally:
        valkey.resume()
    assert await waiting == Reconnected()


class CancelRecorder:
    """Collects cancels."""

    def __init__(self) -> None:
        self.cancels: list[tuple[str, str]] = []
        self.received = threading.Event()

    def __call__(self, job_id: str, claim_id: str) -> None:
        self.cancels.append((job_id, claim_id))
        self.received.set()


def ignore_drain(worker_id: str) -> None:
    """Stand-in for a worker that is not told to drain."""


def test_a_worker_is_notified_of_its_drain(client, store: RedisJobStore) -> None:
    drained: queue.Queue[str] = queue.Queue()
    listener = WorkerSubscriber(client, CancelRecorder(), drained.put)
    try:
        assert listener.subscribed.wait(10)
        store.call(commands.register(worker_record("w1"), 30_000))
        store.call(commands.drain_worker("unknown"))
        store.call(commands.drain_worker("w1"))
        assert drained.get(timeout=10) == "w1"
    finally:
        listener.close()


def test_the_worker_of_a_job_is_notified_of_its_cancellation(client, store: RedisJobStore) -> None:
    recorder = CancelRecorder()
    listener = WorkerSubscriber(client, recorder, ignore_drain)
    try:
        assert listener.subscribed.wait(10)
        submit(store, "job_1")
        submit(store, "job_2")
        claim(store, "claim-1")
        store.call(commands.cancel("ada", "job_2"))
        store.call(commands.cancel("ada", "job_1"))
        assert recorder.received.wait(10)
        assert recorder.cancels == [("job_1", "claim-1")]
    finally:
        listener.close()


def test_a_listener_outlives_the_server(client, store: RedisJobStore, valkey: Valkey) -> None:
    recorder = CancelRecorder()
    listener = WorkerSubscriber(client, recorder, ignore_drain)
    try:
        assert listener.subscribed.wait(10)
        submit(store, "job_1")
        claim(store, "claim-1")
        valkey.restart()
        for _ in range(200):  # nothing reports the new subscription, and a cancel is sent once
            client.publish("rq:cancels", "job_1 claim-1")
            if recorder.received.wait(0.05):
                break
        assert recorder.cancels
    finally:
        listener.close()


def test_a_listener_closes_while_the_server_is_away(client, valkey: Valkey) -> None:
    listener = WorkerSubscriber(client, CancelRecorder(), ignore_drain)
    assert listener.subscribed.wait(10)
    valkey.kill()
    listener.close()
    listener._thread.join()  # otherwise it connects to the next test's server
