"""Cost of a command: one round trip, work independent of the queue's length, little memory per job."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import redis

from renderq.contract import DeliveryStatus
from renderq_shared.jobs import (
    ArchivedRemoval,
    ArchivedVersion,
    Candidate,
    ClaimRequest,
    Command,
    DeliveryClaim,
    DeliveryResult,
    Idempotency,
    JobFilter,
    JobUpdate,
    MoveTarget,
    PurgedJob,
    PurgeRecord,
    Retention,
    commands,
)
from renderq_shared.jobs.lifetimes import CLAIM_TTL_MS
from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.redis.clients import sync_client
from tests.job_store.factories import (
    LEASE_MS,
    NO_LIMITS,
    SUCCEEDED,
    claim,
    claim_ref,
    new_asset,
    new_batch,
    new_job,
    submit,
    worker_record,
)
from tests.shared.jobs.command_names import COMMANDS

REQUEST = '{"task": "txt2img", "prompt": "%s", "width": 512, "height": 512, "steps": 25}' % ("a red circle " * 30)

PURGE = PurgeRecord("ada", started_ms=0)

CHEAP = {
    *("evalsha", "time", "publish", "get", "set", "exists", "incrby", "decr", "info"),
    *("llen", "lpush", "lrange", "ltrim"),
    *("hget", "hset", "hdel", "hmget", "hgetall", "hincrby", "hincrbyfloat"),
    *("zadd", "zrem", "zcard", "zcount", "zrank", "zrange", "zscore"),
    *("sadd", "srem", "sismember", "smembers"),
}
"""Commands at worst logarithmic in the number of jobs: hashes belong to one job or have a field per tenant or model."""


def server_commands(client: redis.Redis, call: Callable[[], object]) -> Counter[str]:
    """Count the commands that the server ran during a call, including those in scripts."""
    client.config_resetstat()
    call()
    stats = client.info("commandstats")
    counted = Counter({name.removeprefix("cmdstat_"): stat["calls"] for name, stat in stats.items()})
    return Counter({name: count for name, count in counted.items() if not name.startswith(("config", "info"))})


def top_level(url: str, call: Callable[[], object]) -> list[str]:
    """Return the commands that were sent over the network during a call."""
    seen: list[str] = []
    with sync_client(url) as watcher, watcher.monitor() as monitor, sync_client(url) as marker:
        marker.ping()
        call()
        marker.echo("end")
        for command in monitor.listen():
            if command["command"] == "ECHO end":
                break
            if command["client_type"] != "lua":
                seen.append(command["command"].split(" ")[0])
    return seen[seen.index("PING") + 1 :]


def fill(store: RedisJobStore, first: int, last: int) -> None:
    for number in range(first, last):
        submit(store, f"job_{number}", f"tenant-{number % 10}", request_json=REQUEST)


def test_every_command_is_one_round_trip(redis_url: str, store: RedisJobStore) -> None:
    fill(store, 0, 5)
    mine = claim_ref(claim(store, "claim-0"))
    both = (Candidate("shapes", resident=True), Candidate("other", resident=False))
    result = DeliveryResult("msg_x_started", "sender", DeliveryStatus.DELIVERED, "[]")
    examples: list[Command[Any]] = [
        commands.submit(new_job("job_x"), NO_LIMITS),
        commands.submit_batch(new_batch("batch_x", 2), NO_LIMITS),
        commands.check_submission(),
        commands.replay_submission("ada", Idempotency("key", "fingerprint")),
        commands.get_job("ada", "job_x"),
        commands.queued_jobs("tenant-0", 100),
        commands.page("ada", JobFilter(), 100, 500),
        commands.get_batch("ada", "batch_x"),
        commands.batches("ada", 20),
        commands.move("ada", "job_x", MoveTarget.FRONT),
        commands.cancel("ada", "job_x"),
        commands.cancel_jobs("ada", ["job_x", "job_0"], only_queued=False),
        commands.claim(ClaimRequest("claim-1", "worker", LEASE_MS, both, engine_empty=True, switch_after_ms=0)),
        commands.renew([mine] * 10, LEASE_MS),
        commands.progress(mine, JobUpdate(stage="encoding")),
        commands.publish_preview(mine, "{}"),
        commands.requeue(mine),
        commands.finish(mine, SUCCEEDED),
        commands.delete("ada", "job_x"),
        commands.apply_retention(Retention(0, 0), LEASE_MS, 100),
        commands.confirm_deleted(["jobs/job_x/"]),
        commands.reserve_asset(new_asset(), 1_000),
        commands.commit_asset(new_asset(), 1_000),
        commands.get_asset("ada", "asset_a"),
        commands.confirm_archived([ArchivedVersion("job_x", 2)]),
        commands.remove_archived([ArchivedRemoval("ada", "job_x", 1, is_deleted=True)]),
        commands.annotate("ada", "job_x", kept=True, labels_json="[]"),
        commands.archive_state(),
        commands.publish_archived(submit(store, "job_y")),
        commands.sweep(LEASE_MS, 100),
        commands.register(worker_record(), 30_000),
        commands.workers(),
        commands.queues(),
        commands.pause_model("shapes", True),
        commands.pause_tenant("ada", True),
        commands.choose_model("ada", "shapes"),
        commands.chosen_model("ada"),
        commands.tenants(),
        commands.stats(),
        commands.load_minutes(),
        commands.timings(),
        commands.claim_deliveries(DeliveryClaim("sender", LEASE_MS, 10)),
        commands.complete_delivery(result),
        commands.deliveries("ada", "job_x", 1),
        commands.replay_delivery("ada", "msg_x_started"),
        commands.confirm_deliveries([]),
        commands.drain_worker("w1"),
        commands.unregister("w1"),
        commands.register_api("host:1", "history", 30_000),
        commands.unregister_api("host:1"),
        commands.start_purge("ada"),
        commands.get_purge("ada"),
        commands.claim_purge(LEASE_MS),
        commands.renew_purge(PURGE, LEASE_MS, 1),
        commands.purge_page(PURGE, 0, 100),
        commands.purge_jobs(PURGE, [PurgedJob("job_x", 1, is_removed_again=False)]),
        commands.purge_keys(PURGE, "0", 500),
        commands.complete_purge(PURGE),
    ]
    assert {command.name for command in examples} == COMMANDS
    for command in examples:
        store.call(command)  # loads the script
    round_trips = {command.name: top_level(redis_url, partial(store.call, command)) for command in examples}
    assert round_trips == {name: ["EVALSHA"] for name in COMMANDS}


def test_submit_get_claim_and_finish_do_no_more_work_with_a_longer_queue(
    client: redis.Redis, store: RedisJobStore
) -> None:
    def life(name: str) -> Counter[str]:
        def live() -> None:
            submit(store, name, "tenant-0")
            store.call(commands.get_job("tenant-0", name))
            store.call(commands.finish(claim_ref(claim(store, f"claim-{name}")), SUCCEEDED))

        return server_commands(client, live)

    fill(store, 0, 20)
    life("warm")
    short = life("short")
    fill(store, 20, 1_000)
    long = life("long")
    assert long == short
    assert set(long) <= CHEAP


def test_a_queued_job_takes_less_than_2500_bytes(client: redis.Redis, store: RedisJobStore) -> None:
    submit(store, "job_first", request_json=REQUEST)
    before = client.info("memory")["used_memory"]
    count = 2_000
    for number in range(count):
        submit(
            store,
            f"job_01JDP3V9Z8QK5R7T{number:010}",
            f"tenant-{number % 10}",
            request_json=REQUEST,
            deadline_ms=3_600_000,
            idempotency=Idempotency(f"0193a1f2-7c3e-7b1a-9d2f-{number:012}", "f" * 64),
        )
    per_job = (client.info("memory")["used_memory"] - before) / count
    assert 500 < per_job < 2_500


def test_what_is_kept_for_fairness_and_claims_does_not_grow_with_jobs(
    client: redis.Redis, store: RedisJobStore
) -> None:
    for number in range(50):
        submit(store, f"job_{number}")
        store.call(commands.finish(claim_ref(claim(store, f"claim-{number}")), SUCCEEDED))
    kept = [key for key in client.scan_iter("rq:*") if not key.startswith(("rq:job:", "rq:claim:"))]
    assert len(kept) < 10
    assert all(0 < client.pttl(key) <= CLAIM_TTL_MS for key in client.scan_iter("rq:claim:*"))


def test_at_most_1440_minutes_of_load_are_kept(client: redis.Redis, store: RedisJobStore) -> None:
    client.lpush("rq:load-minutes", *(f"{number} 1 0 0 0 0 0" for number in range(1_440)))
    client.hset("rq:load", mapping={"started_ms": 1_440, "queued": 1})
    store.call(commands.sweep(LEASE_MS, 100))
    minutes = client.lrange("rq:load-minutes", 0, -1)
    assert (len(minutes), minutes[0], minutes[-1]) == (1_440, "1440 1 0 0 0 0 0", "1 1 0 0 0 0 0")
