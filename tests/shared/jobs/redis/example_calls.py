"""A database with at least one key of every kind, and one or more calls of every command for which it has work."""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import redis

from renderq.contract import DeliveryStatus
from renderq_shared.access import Admission, AdmissionLimits, KeyStore, NewKey, script_calls
from renderq_shared.errors import StoreUnavailable
from renderq_shared.jobs import (
    ArchivedRemoval,
    ArchivedVersion,
    Candidate,
    ClaimRef,
    ClaimRequest,
    Command,
    DeliveryClaim,
    DeliveryRecord,
    DeliveryResult,
    Idempotency,
    JobTiming,
    JobUpdate,
    MoveTarget,
    Outcome,
    PurgedJob,
    PurgeRecord,
    Retention,
    VisitorQuota,
    commands,
)
from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.jobs.redis.script_calls import script_call
from renderq_shared.redis.scripts import ScriptCall, execute
from tests.job_store.factories import (
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
from tests.shared.history.ended_jobs import ended_job
from tests.shared.jobs.command_names import COMMANDS

LEASE_MS = 600_000
"""Longer than the tests of a module take."""

EVENTS = ("job.started", "job.output", "job.succeeded", "job.canceled", "job.expired", "job.failed")
WEBHOOK: Mapping[str, Any] = {"webhook_events": EVENTS, "webhook_host": "a.test"}
TIMING = JobTiming("cpu", 1, 1, 1)
UPDATE = JobUpdate(stage="denoising", progress_json='{"step": 1, "steps": 2}', finished=(0,))

VISITOR_LIMITS = replace(NO_LIMITS, visitor=VisitorQuota("address", 9, 9, 9, expires_ms=2**52))

PURGE, EMPTY_PURGE = PurgeRecord("pat", started_ms=1), PurgeRecord("sam", started_ms=1)


def fill(store: RedisJobStore, client: redis.Redis) -> None:
    call = store.call
    client.lpush("renderq.shapes", "a wake-up")
    KeyStore(client).create(NewKey("key_1", "digest", "ada's"))
    execute(client, admit_visitor("key_3"))
    call(commands.register(worker_record("w1"), LEASE_MS))
    call(commands.register_api("host:1", "history", LEASE_MS))
    call(commands.sweep(LEASE_MS, 100))
    client.lpush("rq:load-minutes", "9999999999999 0 1 2 3")
    for asset_id in ("asset_a", "asset_b"):
        call(commands.reserve_asset(new_asset(asset_id=asset_id), 1_000))
        call(commands.commit_asset(new_asset(asset_id=asset_id), 1_000))
    fill_deliveries(store)
    for name in ("gone", "deleted", "old", "done"):
        submit(store, f"job_{name}", assets=("asset_a",), **({} if name == "gone" else WEBHOOK))
        job = claim(store, f"claim-{name}", by="w1")
        call(commands.finish(claim_ref(job), Outcome(SUCCEEDED.status, timing=TIMING, update=UPDATE)))
        if name in {"gone", "old"}:
            call(commands.confirm_archived([ArchivedVersion(f"job_{name}", 9)]))
        call(commands.apply_retention(Retention(0 if name == "gone" else None), LEASE_MS, 100))
    call(commands.delete("ada", "job_deleted"))
    call(commands.apply_retention(Retention(None), LEASE_MS, 100))
    call(commands.claim_deliveries(DeliveryClaim("sender", LEASE_MS, 2)))
    submit(store, "job_lost", **WEBHOOK)
    claim(store, "claim-lost", by="w1", lease_ms=1)
    submit(store, "job_mine", **WEBHOOK)
    claim(store, "mine", by="w1", lease_ms=LEASE_MS)
    submit(store, "job_late", model="other", deadline_ms=1, **WEBHOOK)
    submit(store, "job_next", weight=2.0, idempotency=Idempotency("key", "fingerprint"), **WEBHOOK)
    submit(store, "job_second", weight=2.0, **WEBHOOK)
    fill_purges(store, client)
    call(commands.submit_batch(new_batch("batch_a", 1, weight=2.0, deadline_ms=LEASE_MS), NO_LIMITS))
    call(commands.submit_batch(new_batch("batch_done", 2, weight=2.0), NO_LIMITS))
    for job_id in ("job_done0", "job_done1"):
        call(commands.cancel("ada", job_id))
    call(commands.confirm_archived([ArchivedVersion("job_done1", 9)]))
    call(commands.pause_model("other", True))
    submit(store, "job_bob", "bob")
    call(commands.submit(new_job("job_visitor", "visitor-1"), VISITOR_LIMITS))
    for tenant in ("bob", "eve"):
        call(commands.pause_tenant(tenant, True))
    time.sleep(0.002)  # the lease and the deadline of 1 ms have passed
    for key in client.scan_iter():
        client.persist(key)


def admit_visitor(key_id: str) -> ScriptCall[Admission]:
    key = NewKey(key_id, "digest", "visitor", lifetime_ms=LEASE_MS)
    return script_calls.admit_visitor(key, "client", "salt", AdmissionLimits(9, 9))


def archived_delivery(name: str) -> DeliveryRecord:
    job = ended_job(f"job_{name}")
    status, id = DeliveryStatus.DELIVERED, f"msg_{name}_canceled"
    return DeliveryRecord(id, job.id, "ada", "a.test", "job.canceled", status, 0, 1, job, log_json="[]")


def fill_deliveries(store: RedisJobStore) -> None:
    """Make a delivery whose job only the history has."""
    submit(store, "job_told", webhook_events=("job.canceled",), webhook_host="a.test")
    store.call(commands.cancel("ada", "job_told"))
    (mine,) = store.call(commands.claim_deliveries(DeliveryClaim("first", LEASE_MS, 1)))
    store.call(commands.complete_delivery(DeliveryResult(mine.id, "first", DeliveryStatus.DELIVERED, "[]")))
    store.call(commands.confirm_archived([ArchivedVersion("job_told", 9)]))
    store.call(commands.apply_retention(Retention(0), 0, 100))


def fill_purges(store: RedisJobStore, client: redis.Redis) -> None:
    """Begin purges of a tenant that has jobs and of one that has none."""
    asset, key = new_asset(tenant=PURGE.tenant), Idempotency("key", "fingerprint")
    store.call(commands.reserve_asset(asset, 1_000))
    store.call(commands.commit_asset(asset, 1_000))
    for name in ("purged", "unpurged"):
        submit(store, f"job_{name}", PURGE.tenant, model="other", assets=("asset_a",), idempotency=key, **WEBHOOK)
        key = None
    store.call(commands.cancel(PURGE.tenant, "job_purged"))
    store.call(commands.choose_model(EMPTY_PURGE.tenant, "other"))
    for purge in (PURGE, EMPTY_PURGE):
        store.call(commands.start_purge(purge.tenant))
        client.hset(f"rq:purge:{hashlib.sha1(purge.tenant.encode()).hexdigest()}", "started_ms", purge.started_ms)


def calls() -> dict[str, ScriptCall[Any]]:
    mine = ClaimRef("job_mine", "mine")
    shapes = (Candidate("shapes", resident=True),)
    examples: list[Command[Any]] = [
        commands.submit(
            new_job("job_x", deadline_ms=9_000, assets=("asset_a",), idempotency=Idempotency("new", "x")), NO_LIMITS
        ),
        commands.submit_batch(new_batch("batch_x", 2, idempotency=Idempotency("new", "x")), NO_LIMITS),
        commands.check_submission(),
        commands.replay_submission("ada", Idempotency("key", "fingerprint")),
        commands.get_job("ada", "job_next"),
        commands.cancel("ada", "job_next"),
        commands.move("ada", "job_next", MoveTarget.BACK),
        commands.cancel_jobs("ada", ["job_next", "job_mine"], only_queued=False),
        commands.claim(ClaimRequest("claim-1", "w1", LEASE_MS, shapes, engine_empty=True, switch_after_ms=0)),
        commands.renew([mine, ClaimRef("job_lost", "claim-lost")], LEASE_MS),
        commands.progress(mine, UPDATE),
        commands.requeue(mine),
        commands.finish(mine, Outcome(SUCCEEDED.status, timing=TIMING, update=UPDATE, cost=2.0)),
        commands.delete("ada", "job_done"),
        commands.apply_retention(Retention(0, 0), LEASE_MS, 100),
        commands.confirm_deleted(["jobs/job_deleted/"]),
        commands.reserve_asset(new_asset(), 1_000),
        commands.commit_asset(new_asset(), 1_000),
        commands.get_asset("ada", "asset_a"),
        commands.confirm_archived([ArchivedVersion("job_done", 9)]),
        commands.remove_archived([ArchivedRemoval("ada", "job_gone", 1, is_deleted=True)]),
        commands.annotate("ada", "job_done", kept=True, labels_json="[]"),
        commands.sweep(LEASE_MS, 100),
        commands.register(worker_record("w1"), LEASE_MS),
        commands.pause_model("shapes", True),
        commands.pause_tenant("ada", True),
        commands.choose_model("ada", "shapes"),
        commands.chosen_model("ada"),
        commands.tenants(),
        commands.stats(),
        commands.load_minutes(),
        commands.timings(),
        commands.claim_deliveries(DeliveryClaim("another", LEASE_MS, 10)),
        commands.complete_delivery(DeliveryResult("msg_old_started", "sender", DeliveryStatus.DISABLED, "[]")),
        commands.replay_delivery("ada", "msg_done_succeeded"),
        commands.confirm_deliveries([archived_delivery("told")]),
        commands.drain_worker("w1"),
        commands.unregister("w1"),
        commands.register_api("host:1", "history", LEASE_MS),
        commands.unregister_api("host:1"),
        commands.start_purge("eve"),
        commands.get_purge(PURGE.tenant),
        commands.claim_purge(LEASE_MS),
        commands.renew_purge(PURGE, LEASE_MS, 1),
        commands.purge_page(PURGE, 0, 100),
        commands.purge_jobs(PURGE, [PurgedJob("job_purged", 1, is_removed_again=True)]),
        commands.purge_keys(PURGE, "0", 10_000),
        commands.complete_purge(EMPTY_PURGE),
    ]
    left_out = {"page", "deliveries", "workers", "queues", "queued_jobs", "archive_state"}  # only read
    left_out |= {"publish_preview", "publish_archived", "get_batch", "batches"}
    assert {command.name for command in examples} | left_out == COMMANDS
    return {
        **{command.name: script_call(command) for command in examples},
        "submit_as_visitor": script_call(commands.submit(new_job("job_v", "visitor-2"), VISITOR_LIMITS)),
        "resume_tenant": script_call(commands.pause_tenant("bob", False)),
        "claim_again": script_call(commands.claim(ClaimRequest("mine", "w1", LEASE_MS, shapes, True, 0))),
        "claim_deliveries_again": script_call(commands.claim_deliveries(DeliveryClaim("sender", LEASE_MS, 10))),
        "delete_in_batch": script_call(commands.delete("ada", "job_done0")),
        "delete_again": script_call(commands.delete("ada", "job_deleted")),
        "delete_archived": script_call(commands.delete("ada", "job_deleted", was_archived=True)),
        "delete_in_history": script_call(
            commands.remove_archived([ArchivedRemoval("ada", "job_done", 1, is_deleted=True)])
        ),
        "replay_archived": script_call(commands.replay_delivery("ada", "msg_gone_canceled", archived_delivery("gone"))),
        "create_key": script_calls.create(NewKey("key_2", "digest", "eve's")),
        "admit_visitor": admit_visitor("key_4"),
        "remove_visitor": script_calls.remove_visitors(["key_3"]),
        "revoke_key": script_calls.revoke("key_1"),
        "use_key": script_calls.record_use(["key_1"]),
        "read_keys": script_calls.read(None),
    }


CALLS = calls()


def refused(client: redis.Redis, call: ScriptCall[Any]) -> str | None:
    """Return why the server refuses a call; `None` if it does not."""
    try:
        execute(client, call)
    except StoreUnavailable as error:
        return error.refusal
    return None
