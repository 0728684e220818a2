"""Records that a newer version has written, and damaged ones, stop nothing and are kept."""

import json
from collections.abc import Iterator

import pytest
import redis
from structlog.testing import capture_logs

from renderq.contract import Status
from renderq_shared.jobs import JobFilter, commands
from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.manifests.manifest import encode_manifest, read_manifest
from renderq_shared.redis.clients import sync_client
from tests.job_store.factories import LEASE_MS, SUCCEEDED, claim, claim_ref, get_job, submit, worker_record
from tests.job_store.time_travel import make_older


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with sync_client(redis_url) as client:
        yield client


@pytest.fixture
def store(client: redis.Redis) -> RedisJobStore:
    return RedisJobStore(client)


def test_an_unknown_status_is_passed_on(store: RedisJobStore, client: redis.Redis) -> None:
    submit(store, "job_1")
    submit(store, "job_2")
    client.hset("rq:job:job_1", "status", "paused")
    assert (get_job(store, "job_1").status, get_job(store, "job_1").status.is_terminal) == ("paused", False)
    page = store.call(commands.page("ada", JobFilter(), 10, 10))
    assert {record.id: str(record.status) for record in page.records} == {"job_1": "paused", "job_2": "queued"}


def test_a_sweep_leaves_jobs_with_an_unknown_status_and_does_the_others(
    store: RedisJobStore, client: redis.Redis
) -> None:
    store.call(commands.sweep(LEASE_MS, 100))
    for number in range(4):
        submit(store, f"job_{number}", deadline_ms=LEASE_MS)
        claim(store, f"claim-{number}")
    client.hset("rq:job:job_0", "status", "paused")
    client.hset("rq:job:job_1", "status", "checkpointing")
    client.hdel("rq:job:job_0", "claim_id", "worker")
    client.zrem("rq:deadlines", "job_1", "job_3")
    for _ in range(2):
        make_older(client, LEASE_MS // 2 - 1_000)
        store.call(commands.sweep(LEASE_MS, 100))
    make_older(client, 2_001)
    swept = store.call(commands.sweep(LEASE_MS, 2))
    assert (swept.deadline_exceeded, swept.requeued) == (("job_2",), ())
    swept = store.call(commands.sweep(LEASE_MS, 2))
    assert (swept.requeued, swept.more) == (("job_3",), False)
    assert [str(get_job(store, f"job_{number}").status) for number in range(2)] == ["paused", "checkpointing"]


def test_a_sweep_reports_ended_jobs_but_damaged_ones(store: RedisJobStore, client: redis.Redis) -> None:
    submit(store, "job_1")
    client.lpush("rq:unreported", "{", json.dumps(["job_0", "ada", "shapes", "txt2img", "failed", *"1234", "[]"]))
    store.call(commands.cancel("ada", "job_1"))
    assert [job.id for job in store.call(commands.sweep(LEASE_MS, 100)).ended] == ["job_1"]
    assert client.exists("rq:unreported") == 0


def test_unknown_fields_are_kept_in_records_and_manifests(store: RedisJobStore, client: redis.Redis) -> None:
    submit(store, "job_1")
    client.hset("rq:job:job_1", mapping={"region": "eu", "shards_json": "[1]"})
    store.call(commands.finish(claim_ref(claim(store)), SUCCEEDED))
    record = get_job(store, "job_1")
    assert record.unknown_fields == (("region", "eu"), ("shards_json", "[1]"))
    client.hset("rq:job:job_1", "request_json", '{"metadata": {}}')
    read = read_manifest([encode_manifest(get_job(store, "job_1"))])
    assert read.unknown_fields == record.unknown_fields


def test_damaged_records_cost_themselves_and_no_list(store: RedisJobStore, client: redis.Redis) -> None:
    submit(store, "job_1")
    submit(store, "job_2")
    client.hset("rq:job:job_1", "images", "many")
    store.call(commands.register(worker_record("w1"), 30_000))
    store.call(commands.register(worker_record("w2"), 30_000))
    client.hset("rq:worker:w1", "models_json", "{")
    page = store.call(commands.page("ada", JobFilter(), 10, 10))
    assert [record.id for record in page.records] == ["job_2"]
    assert [worker.id for worker in store.call(commands.workers())] == ["w2"]
    assert get_job(store, "job_2").status is Status.QUEUED


def test_a_worker_whose_key_was_overwritten_is_set_aside_and_logged_once(
    store: RedisJobStore, client: redis.Redis
) -> None:
    for worker_id in ("overwritten", "whole"):
        store.call(commands.register(worker_record(worker_id), 30_000))
    client.delete("rq:worker:overwritten")
    client.set("rq:worker:overwritten", "written by hand")
    with capture_logs() as logs:
        for _ in range(2):
            assert [worker.id for worker in store.call(commands.workers())] == ["whole"]
            assert [worker.id for worker in store.call(commands.stats()).workers] == ["whole"]
            store.call(commands.timings())
    assert [(entry["event"], entry["record_id"]) for entry in logs] == [("record.unreadable", "overwritten")]
