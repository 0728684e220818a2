"""Errors when Redis is full, unavailable, restarted, or has evicted keys or scripts."""

import asyncio

import pytest
import redis

from renderq.contract import Status
from renderq_shared.errors import StoreUnavailable
from renderq_shared.jobs import ArchivedVersion, DeliveryClaim, Retention, commands
from renderq_shared.jobs.redis import AsyncRedisJobStore, RedisJobStore
from renderq_shared.redis.clients import async_client
from tests.job_store.factories import LEASE_MS, NO_LIMITS, SUCCEEDED, claim, claim_ref, get_job, new_job, submit
from tests.valkey_server import Valkey


def test_a_full_server_refuses_new_jobs_and_lets_running_ones_end(client: redis.Redis, store: RedisJobStore) -> None:
    for number in range(3):
        submit(store, f"job_{number}")
    mine = claim_ref(claim(store, "claim-1"))
    client.config_set("maxmemory", 1)
    try:
        with pytest.raises(StoreUnavailable, match="full"):
            submit(store, "job_x")
        assert store.call(commands.finish(mine, SUCCEEDED)).accepted
        assert claim(store, "claim-2") is not None
        assert store.call(commands.cancel("ada", "job_2")).status is Status.CANCELED
        assert store.call(commands.sweep(LEASE_MS, 100)).queues == ()
        assert store.call(commands.get_job("ada", "job_x")) is None
    finally:
        client.config_set("maxmemory", 0)


def test_scripts_that_the_server_forgot_are_sent_again(client: redis.Redis, store: RedisJobStore) -> None:
    submit(store, "job_1")
    client.script_flush()
    assert get_job(store, "job_1").id == "job_1"
    submit(store, "job_2")


def test_a_server_that_is_away_is_unavailable(redis_url: str, valkey: Valkey) -> None:
    valkey.kill()
    with redis.Redis.from_url(redis_url, retry=None, decode_responses=True) as client:
        store = RedisJobStore(client)
        with pytest.raises(StoreUnavailable, match="does not respond"):
            submit(store, "job_1")


async def test_the_apis_client_notices_at_once_that_the_server_is_away_and_that_it_is_back(
    redis_url: str, valkey: Valkey
) -> None:
    client = async_client(redis_url)
    store = AsyncRedisJobStore(client)
    await store.call(commands.submit(new_job("job_1"), NO_LIMITS))
    valkey.kill()
    with pytest.raises(StoreUnavailable):
        await store.call(commands.get_job("ada", "job_1"))
    valkey.restart()
    found = await store.call(commands.get_job("ada", "job_1"))
    assert found is not None
    assert found[0].status is Status.QUEUED
    await client.aclose()


async def test_a_restart_of_the_server_between_calls_fails_none_of_them(redis_url: str, valkey: Valkey) -> None:
    client = async_client(redis_url)
    store = AsyncRedisJobStore(client)
    await store.call(commands.submit(new_job("job_1"), NO_LIMITS))

    async def read_many() -> list[bool]:
        found = await asyncio.gather(*(store.call(commands.get_job("ada", "job_1")) for _ in range(8)))
        return [each is not None for each in found]

    assert await read_many() == [True] * 8
    await asyncio.to_thread(valkey.restart)
    assert await read_many() == [True] * 8
    await client.aclose()


def test_after_a_restart_of_the_server_every_lease_is_extended_first(store: RedisJobStore, valkey: Valkey) -> None:
    submit(store, "job_1")
    store.call(commands.sweep(LEASE_MS, 100))
    mine = claim_ref(claim(store, lease_ms=1))
    valkey.restart()
    assert store.call(commands.sweep(LEASE_MS, 100)).extended == 1
    assert store.call(commands.sweep(LEASE_MS, 100)).requeued == ()
    assert store.call(commands.finish(mine, SUCCEEDED)).accepted


def test_a_record_that_the_server_evicted_holds_up_no_other(client: redis.Redis, store: RedisJobStore) -> None:
    for number in range(2):
        submit(store, f"job_{number}", webhook_events=("job.canceled",), webhook_host="a")
        store.call(commands.cancel("ada", f"job_{number}"))
    client.delete("rq:job:job_0", *client.keys("rq:delivery:msg_0_*"))
    assert [each.job_id for each in store.call(commands.claim_deliveries(DeliveryClaim("sender", LEASE_MS, 10)))] == [
        "job_1"
    ]
    client.delete(*client.keys("rq:delivery:msg_1_*"))
    client.zadd("rq:delivering", {"msg_1_canceled": 1})
    assert store.call(commands.claim_deliveries(DeliveryClaim("next", LEASE_MS, 10))) == ()
    unarchived = store.call(commands.apply_retention(Retention(None), LEASE_MS, 100)).unarchived
    assert [job.id for job in unarchived] == ["job_1"]
    store.call(commands.confirm_archived([ArchivedVersion("job_1", unarchived[0].version)]))
    client.zadd("rq:archived", {"job_0": 1})
    assert store.call(commands.apply_retention(Retention(0), LEASE_MS, 100)).released == ("job_1",)
    assert client.zcard("rq:unarchived") == client.zcard("rq:archived") == client.zcard("rq:delivering") == 0


def test_ended_jobs_of_an_earlier_release_are_archived(client: redis.Redis, store: RedisJobStore) -> None:
    for number in range(3):
        submit(store, f"job_{number}")
        store.call(commands.cancel("ada", f"job_{number}"))
    client.delete("rq:unarchived")
    client.zadd("rq:ended", {"job_0": 1, "job_1": 2})
    client.zadd("rq:outputs-expired", {"job_2": 1})
    calls = [store.call(commands.apply_retention(Retention(None), LEASE_MS, 1)) for _ in range(3)]
    assert {job.id for call in calls for job in call.unarchived} == {"job_0", "job_1", "job_2"}
    assert client.exists("rq:ended", "rq:outputs-expired") == 0


def test_an_evicted_delivery_alone_in_its_queue_holds_up_no_other_host(
    client: redis.Redis, store: RedisJobStore
) -> None:
    for number, host in enumerate(("a.test", "b.test")):
        submit(store, f"job_{number}", webhook_events=("job.canceled",), webhook_host=host)
        store.call(commands.cancel("ada", f"job_{number}"))
    client.delete("rq:delivery:msg_0_canceled")
    claimed = store.call(commands.claim_deliveries(DeliveryClaim("sender", LEASE_MS, 10)))
    assert [each.job_id for each in claimed] == ["job_1"]
    assert client.zrange("rq:delivery-hosts:ada", 0, -1) == []
    assert client.keys("rq:active:*") == []
