"""Webhook deliveries when processes die or servers go down."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from renderq_api.egress import GuardedTransport
from renderq_api.webhooks import Dispatcher, Sender
from renderq_shared.errors import StoreUnavailable
from renderq_shared.jobs import Command, DeliveryRecord, commands, delivery_id
from renderq_shared.jobs.redis import AsyncRedisJobStore, RedisJobStore
from renderq_shared.objects import FolderStore
from renderq_shared.redis.clients import async_client
from renderq_shared.settings.addresses import parse_networks
from tests.api.api_process import ApiProcess
from tests.api.conftest import SettingsFor
from tests.api.webhooks.receivers import WebhookReceiver, unresponsive_port, webhook_receiver
from tests.api.webhooks.webhook_jobs import WEBHOOK_SETTINGS, cancel_job, delivery, render_job, submit_job, webhook_api
from tests.api.worker import Worker
from tests.job_store.time_travel import make_older
from tests.polling import wait_until
from tests.redis_refusals import REFUSALS
from tests.valkey_server import Valkey

LEASE_S = 31
"""Twice the default timeout of an attempt, plus one second."""


@pytest.fixture
def later(redis_url: str) -> Iterator[Callable[[float], None]]:
    with redis.Redis.from_url(redis_url) as client:
        yield lambda seconds: make_older(client, round(seconds * 1000))


def only_id(job_id: str) -> str:
    return delivery_id(job_id, "job.succeeded")


def end_job(store: RedisJobStore, data: Path) -> None:
    worker = Worker(store, FolderStore(data / "objects"))
    worker.finish(worker.claim())


def test_a_process_dies_when_the_receiver_has_got_it_and_another_one_repeats_it_under_the_same_id(
    settings_for: SettingsFor,
    redis_url: str,
    store: RedisJobStore,
    receiver: WebhookReceiver,
    later: Callable[[float], None],
    tmp_path: Path,
) -> None:
    receiver.hold.clear()
    with ApiProcess(tmp_path, redis_url, **WEBHOOK_SETTINGS) as dying:
        job_id = submit_job(dying, receiver.url)
        end_job(store, tmp_path)
        wait_until(lambda: receiver.received)
        dying.kill()
    receiver.hold.set()
    with webhook_api(settings_for) as api:
        assert delivery(api, job_id)["status"] == "pending"
        later(LEASE_S)
        wait_until(lambda: delivery(api, job_id)["status"] == "delivered")
    assert receiver.ids() == [only_id(job_id)] * 2


def test_a_process_dies_before_the_receiver_has_got_it_and_another_one_sends_it(
    settings_for: SettingsFor,
    redis_url: str,
    store: RedisJobStore,
    later: Callable[[float], None],
    tmp_path: Path,
) -> None:
    with unresponsive_port() as port, ApiProcess(tmp_path, redis_url, **WEBHOOK_SETTINGS) as dying:
        job_id = submit_job(dying, f"http://127.0.0.1:{port}/")
        end_job(store, tmp_path)
        wait_until(lambda: store.call(commands.deliveries("default", job_id, 1))[0].claim_id)
        dying.kill()
    with webhook_receiver(port) as receiver, webhook_api(settings_for) as api:
        later(LEASE_S)
        wait_until(lambda: delivery(api, job_id)["status"] == "delivered")
        assert len(delivery(api, job_id)["attempts"]) == 1
    assert receiver.ids() == [only_id(job_id)]


def test_redis_goes_away_while_the_receiver_answers_and_nothing_is_sent_twice(
    settings_for: SettingsFor, store: RedisJobStore, receiver: WebhookReceiver, valkey: Valkey
) -> None:
    receiver.hold.clear()
    with webhook_api(settings_for) as api:
        job_id = render_job(api, store, receiver.url)
        wait_until(lambda: receiver.received)
        valkey.kill()
        receiver.hold.set()
        valkey.restart()
        wait_until(lambda: delivery(api, job_id)["status"] == "delivered")
    assert len(receiver.received) == 1


@pytest.mark.parametrize("code", ["NOREPLICAS", "MISCONF", "NOPERM"])
def test_redis_refuses_for_a_moment_and_webhooks_are_sent_again(
    settings_for: SettingsFor, store: RedisJobStore, receiver: WebhookReceiver, redis_url: str, code: str
) -> None:
    with webhook_api(settings_for) as api:
        with REFUSALS[code](redis_url):
            time.sleep(1.5)
        job_id = render_job(api, store, receiver.url)
        wait_until(lambda: delivery(api, job_id)["status"] == "delivered")
    assert receiver.ids() == [only_id(job_id)]


@asynccontextmanager
async def delivering(deliveries: Dispatcher) -> AsyncIterator[None]:
    task = asyncio.create_task(deliveries.run())
    try:
        yield
    finally:
        while not task.done():  # as in the service: a cancellation that coincides with a timeout can get lost
            task.cancel()
            await asyncio.wait([task], timeout=1.0)


class LosesReplies(AsyncRedisJobStore):
    """Redis executes the command, but the first reply is lost."""

    lost = 0

    async def call(self, command: Command[Any]) -> Any:
        answer = await super().call(command)
        if command.name == "claim_deliveries" and answer and not self.lost:
            self.lost = len(answer)
            raise StoreUnavailable("no reply")
        return answer


async def test_what_a_lost_reply_held_does_not_wait_for_its_lease(
    redis_url: str, store: RedisJobStore, receiver: WebhookReceiver
) -> None:
    cancel_job(store, "job_1", receiver.url, "127.0.0.1")
    transport = GuardedTransport(parse_networks("127.0.0.0/8"))
    async with async_client(redis_url) as client:
        jobs = LosesReplies(client)
        sender = Sender(lambda: transport, (b"k" * 24,), "http://renderq.test/", 0, 15)
        async with delivering(Dispatcher(jobs, sender, (), 3_600, lambda *_: None)):
            await asyncio.to_thread(wait_until, lambda: receiver.received)
    assert jobs.lost == 1


class BreaksDown(Sender):
    async def send(self, delivery: DeliveryRecord) -> Any:
        raise ZeroDivisionError


async def test_a_fault_of_ours_counts_as_an_attempt(redis_url: str, store: RedisJobStore) -> None:
    cancel_job(store, "job_1", "http://127.0.0.1:9/", "127.0.0.1")

    def only_delivery() -> DeliveryRecord:
        return store.call(commands.deliveries("default", "job_1", 1))[0]

    async with async_client(redis_url) as client:
        sender = BreaksDown(lambda: GuardedTransport(()), (b"k" * 24,), "http://renderq.test/", 0, 15)
        deliveries = Dispatcher(AsyncRedisJobStore(client), sender, (0.0,), 3_600, lambda *_: None)
        async with delivering(deliveries):
            await asyncio.to_thread(wait_until, lambda: only_delivery().status == "failed")
    assert str(only_delivery().log_json).count("internal error") == 2
