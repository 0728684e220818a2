"""In-memory and Redis store, driven with the same commands and compared after each."""

import itertools
import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import pytest
import redis

from renderq.contract import Status, can_transition
from renderq_shared.jobs import (
    Command,
    JobFilter,
    JobPage,
    JobRecord,
    LiveBatch,
    ModelTimings,
    PurgeRecord,
    RetentionResult,
    SweepResult,
    commands,
)
from renderq_shared.jobs.memory import MemoryJobStore
from renderq_shared.jobs.memory.delivery_queues import PER_HOST, PER_TENANT
from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.jobs.redis.codec import decode_job
from tests.job_store.time_travel import make_older

TOLERANCE_MS = 600_000
"""Real time that may pass during one example. Commands use multiples of 1,000,000 ms."""

TIMES = (
    *("due_ms", "used_ms", "created_ms", "started_ms", "completed_ms", "deadline_at_ms", "seen_ms"),
    *("oldest_age_ms", "wall_ms"),
)


Answer = TypeVar("Answer")


class StorePair:
    """Two stores without observable differences."""

    def __init__(self, client: redis.Redis) -> None:
        client.flushdb()
        self.client = client
        self.redis = RedisJobStore(client)
        self._clock = time.time_ns() // 1_000_000
        self.changes: list[JobRecord] = []
        self.cancels: list[str] = []
        self.deletions: list[str] = []
        self.previews: list[str] = []
        self.memory = MemoryJobStore(
            lambda: self._clock,
            on_change=self.changes.append,
            on_delete=lambda job_id, tenant: self.deletions.append(f"{job_id} {tenant}"),
            on_cancel=lambda job_id, claim_id: self.cancels.append(f"{job_id} {claim_id}"),
            preview_viewers=lambda job_id: int(job_id == self._previewed),
            on_preview=lambda job_id, preview: self.previews.append(preview) if job_id == self._previewed else None,
        )
        self._previewed: str | None = None
        self._shift_ms = 0
        self._channels = client.pubsub(ignore_subscribe_messages=True)
        self._channels.subscribe("rq:changes", "rq:cancels", "rq:deletions")
        self.latest: dict[str, JobRecord] = {}
        self._ops = itertools.count()

    def close(self) -> None:
        self._channels.close()

    def advance(self, ms: int) -> None:
        """Let time pass in both stores."""
        self._clock += ms
        self._shift_ms += ms
        make_older(self.client, ms)

    def watch_previews(self, job_id: str | None) -> None:
        """Subscribe to the previews of this job and of no other."""
        if job_id == self._previewed:
            return
        if self._previewed:
            self._channels.unsubscribe(f"rq:previews:{self._previewed}")
        if job_id:
            self._channels.subscribe(f"rq:previews:{job_id}")
        self._previewed = job_id
        while self.client.pubsub_channels("rq:previews:*") != ([f"rq:previews:{job_id}"] if job_id else []):
            time.sleep(0.001)

    def run_on_both(
        self, command: Command[Answer], repeat: bool = False, redis_command: Command[Answer] | None = None
    ) -> Answer:
        """Run one command on both stores and compare answers and messages. With `repeat`, Redis runs it twice.

        `redis_command`: the command for Redis, if its times differ.
        """
        time.sleep(0.001)  # gives each command its own millisecond in both stores
        self._clock += 1
        self.changes.clear()
        self.cancels.clear()
        self.deletions.clear()
        self.previews.clear()
        answer = self.memory.call(command)
        actual = self.redis.call(redis_command or command)
        if repeat and command.name not in {"sweep", "apply_retention", "claim_purge"}:
            actual = self.redis.call(redis_command or command)
        assert self._normalized(actual) == self._normalized(answer, shift=self._shift_ms)
        self._compare_channels()
        return answer

    def purge(self, tenant: str, skip: int, limit: int, repeat: bool) -> None:
        """Do one pass of a tenant's purge, if there is one."""
        memory, actual = self.memory.call(commands.get_purge(tenant)), self.redis.call(commands.get_purge(tenant))
        if memory is None or actual is None:
            return
        builders: list[Callable[[PurgeRecord], Command[Any]]] = [
            lambda purge: commands.purge_keys(purge, "0", 10_000),
            lambda purge: commands.renew_purge(purge, 1_000, skip),
            lambda purge: commands.complete_purge(purge),
        ]
        page = self.run_on_both(
            commands.purge_page(memory, skip, limit), repeat, commands.purge_page(actual, skip, limit)
        )
        self.run_on_both(commands.purge_jobs(memory, page.ended), repeat)
        for build in builders:
            self.run_on_both(build(memory), repeat, build(actual))

    def compare_jobs(self) -> None:
        """Compare every job, queue position, list, queue and worker."""
        for job in list(self.latest.values()):
            expected, actual = (
                self.memory.call(commands.get_job(job.tenant, job.id)),
                self.redis.call(commands.get_job(job.tenant, job.id)),
            )
            assert self._normalized(actual) == self._normalized(expected, shift=self._shift_ms)
            assert self.redis.call(commands.get_job("stranger", job.id)) is None
            expected_deliveries, actual_deliveries = (
                self.memory.call(commands.deliveries(job.tenant, job.id, job.images)),
                self.redis.call(commands.deliveries(job.tenant, job.id, job.images)),
            )
            assert self._normalized(actual_deliveries) == self._normalized(expected_deliveries, shift=self._shift_ms)
            assert self.redis.call(commands.deliveries("stranger", job.id, job.images)) == ()
        for tenant in {job.tenant for job in self.latest.values()}:
            purge, actual_purge = (
                self.memory.call(commands.get_purge(tenant)),
                self.redis.call(commands.get_purge(tenant)),
            )
            assert self._normalized(actual_purge) == self._normalized(purge, shift=self._shift_ms)
            self._compare_lists(tenant, JobFilter())
            for limit in (2, 100):
                positions = commands.queued_jobs(tenant, limit)
                assert self.redis.call(positions) == self.memory.call(positions)
            self._compare_lists(tenant, JobFilter(Status.QUEUED, "shapes", "txt2img"))
            self._compare_batches(tenant)
        assert self._normalized(self.redis.call(commands.queues())) == self._normalized(
            self.memory.call(commands.queues()), shift=0
        )
        assert self.redis.call(commands.stats()).running == self.memory.call(commands.stats()).running
        assert self.redis.call(commands.stats()).pending_deliveries == (
            self.memory.call(commands.stats()).pending_deliveries
        )
        assert self.redis.call(commands.stats()).paused == self.memory.call(commands.stats()).paused
        assert self._normalized(self.redis.call(commands.load_minutes())) == self._normalized(
            self.memory.call(commands.load_minutes()), shift=self._shift_ms
        )
        assert self.redis.call(commands.tenants()) == self.memory.call(commands.tenants())
        assert self._normalized(self.redis.call(commands.timings())) == self._normalized(
            self.memory.call(commands.timings()), shift=0
        )
        assert self._normalized(self.redis.call(commands.workers())) == self._normalized(
            self.memory.call(commands.workers()), shift=self._shift_ms
        )

    def _compare_lists(self, tenant: str, job_filter: JobFilter) -> None:
        """Compare all pages, with small limits."""
        expected, actual = JobPage((), None), JobPage((), None)
        while True:
            expected = self.memory.call(commands.page(tenant, job_filter, 3, 5, expected.last))
            actual = self.redis.call(commands.page(tenant, job_filter, 3, 5, actual.last))
            assert self._normalized(actual.records) == self._normalized(expected.records, shift=self._shift_ms)
            assert (actual.last and actual.last.job_id) == (expected.last and expected.last.job_id)
            if expected.last is None:
                return

    def _compare_batches(self, tenant: str) -> None:
        """Compare the list of batches, and each of them."""
        ids = self.memory.call(commands.batches(tenant, 100))
        assert self.redis.call(commands.batches(tenant, 100)) == ids
        assert self.redis.call(commands.batches(tenant, 1, ids[0] if ids else None)) == ids[1:2]
        for batch_id in ids:
            expected = self.memory.call(commands.get_batch(tenant, batch_id))
            actual = self.redis.call(commands.get_batch(tenant, batch_id))
            assert self._normalized(actual) == self._normalized(expected, shift=self._shift_ms)
            self._compare_lists(tenant, JobFilter(batch_id=batch_id))

    def _compare_channels(self) -> None:
        snapshots, cancels, deletions, previews = self._received()
        assert [self._normalized(each) for each in snapshots] == [
            self._normalized(each, shift=self._shift_ms) for each in self.changes
        ]
        assert cancels == self.cancels
        assert set(deletions) == set(self.deletions)  # a repeat may publish one again
        assert previews == self.previews
        for record in self.changes:
            self._check_transition(record)

    def _check_transition(self, record: JobRecord) -> None:
        before = self.latest.get(record.id)
        if before and before.status.is_terminal and record.version == 1:
            before = None  # it was deleted, and its id is free again
        assert record.version == (before.version + 1 if before else 1)
        if before:
            assert before.status is record.status or can_transition(before.status, record.status)
            after_end = ("outputs_expired", "kept", "labels_json")
            assert not before.status.is_terminal or any(
                getattr(record, name) != getattr(before, name) for name in after_end
            )
        self.latest[record.id] = record

    def _received(self) -> tuple[list[JobRecord], list[str], list[str], list[str]]:
        end = f"end of operation {next(self._ops)}"
        self.client.publish("rq:changes", end)
        snapshots: list[JobRecord] = []
        cancels: list[str] = []
        deletions: list[str] = []
        previews: list[str] = []
        while True:
            message = self._channels.get_message(timeout=10)
            if message is None:
                continue
            if message["data"] == end:
                return snapshots, cancels, deletions, previews
            if message["channel"] == "rq:cancels":
                cancels.append(message["data"])
            elif message["channel"] == "rq:deletions":
                deletions.append(message["data"])
            elif message["channel"] != "rq:changes":
                previews.append(message["data"])
            else:
                snapshots.append(decode_job(json.loads(message["data"])))

    def _normalized(self, answer: Any, shift: int = 0) -> Any:
        """Return an answer with approximate times, shifted back by `shift` ms."""
        if isinstance(answer, tuple):
            return tuple(self._normalized(each, shift) for each in answer)
        names = getattr(answer, "__dataclass_fields__", {})
        if isinstance(answer, ModelTimings):
            return replace(answer, samples=self._normalized(answer.samples))
        if isinstance(answer, RetentionResult):
            return replace(answer, unarchived=self._normalized(answer.unarchived, shift))
        if isinstance(answer, LiveBatch):
            first, *running = self._normalized((answer.first, *answer.running), shift)
            last_queued = self._normalized(answer.last_queued, shift)
            return replace(answer, first=first, running=tuple(running), last_queued=last_queued)
        if isinstance(answer, SweepResult):
            queues, ended = self._normalized(answer.queues), self._normalized(answer.ended, shift)
            return replace(answer, queues=queues, ended=ended)
        coarse = {
            name: _Time(value if name in {"oldest_age_ms", "wall_ms"} else value - shift)
            for name in TIMES
            if name in names and (value := getattr(answer, name)) is not None
        }
        if "record" in names:
            coarse["record"] = self._normalized(answer.record, shift)
        return replace(answer, **coarse) if coarse else answer


class _Time(int):
    """A time in ms that is equal to approximately the same time."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, int) and abs(int(self) - int(other)) < TOLERANCE_MS

    __hash__ = None  # type: ignore[assignment]


def _progress_fraction(job: JobRecord) -> float:
    done = json.loads(job.progress_json or "{}")
    return done["step"] / done["steps"] if done else 0.0


def check_keys(pair: StorePair) -> None:
    """Check that Redis holds each job in exactly the keys of its status, and that counts and costs are right."""
    client = pair.client
    queued = Counter[str]()
    for key in client.scan_iter("rq:queue:*"):
        queued.update(client.zrange(key, 0, -1))
    oldest = Counter(id_ for key in client.scan_iter("rq:oldest:*") for id_ in client.zrange(key, 0, -1))
    leased = set(client.zrange("rq:leases", 0, -1))
    due = set(client.zrange("rq:deadlines", 0, -1))
    jobs = [job for job in pair.latest.values() if pair.memory.call(commands.get_job(job.tenant, job.id))]
    ended = {job.id for job in jobs if job.status.is_terminal}
    unarchived, archived = set(client.zrange("rq:unarchived", 0, -1)), set(client.zrange("rq:archived", 0, -1))
    assert (unarchived, archived) == (set(pair.memory._jobs.unarchived), set(pair.memory._jobs.archived))
    purged = set(client.zrange("rq:purges", 0, -1))
    assert unarchived | archived <= ended
    assert {job.id for job in jobs if job.id in ended and job.tenant not in purged} <= unarchived | archived
    assert set(client.zrange("rq:removals", 0, -1)) == set(pair.memory._removals.due)
    attempts = {prefix: int(count) for prefix, count in client.hgetall("rq:removal-attempts").items()}
    assert attempts == pair.memory._removals.attempts
    assert set(client.zrange("rq:late-removals", 0, -1)) == set(pair.memory._removals.late)
    assets = {f"{asset_id}:{tenant}" for tenant, asset_id in pair.memory._assets._assets}
    idle = {f"{asset.id}:{asset.tenant}" for asset in pair.memory._assets.unreferenced}
    assert set(client.zrange("rq:assets", 0, -1)) == idle
    assert {key.removeprefix("rq:asset:") for key in client.scan_iter("rq:asset:*")} == assets
    assert {key.removeprefix("rq:job:") for key in client.scan_iter("rq:job:*")} == {job.id for job in jobs}
    batches = {key.removeprefix("rq:batch:"): client.zrange(key, 0, -1) for key in client.scan_iter("rq:batch:*")}
    assert {job_id for ids in batches.values() for job_id in ids} == {job.id for job in jobs if job.batch_id}
    assert set(batches) == {each for key in client.scan_iter("rq:batches:*") for each in client.zrange(key, 0, -1)}
    assert queued == oldest == Counter(job.id for job in jobs if job.status == "queued")
    assert leased == {job.id for job in jobs if job.status in {"running", "canceling"}}
    by_worker = {key.removeprefix("rq:claimed:"): client.smembers(key) for key in client.scan_iter("rq:claimed:*")}
    workers = {job.worker for job in jobs if job.id in leased}
    assert by_worker == {name: {job.id for job in jobs if job.id in leased and job.worker == name} for name in workers}
    assert due == {job.id for job in jobs if job.deadline_at_ms and job.status in {"queued", "running"}}
    assert int(client.get("rq:queued") or 0) == queued.total()
    paused = client.smembers("rq:paused-tenants")
    waiting = {(job.model, job.tenant) for job in jobs if job.status == "queued" and job.tenant not in paused}
    active = {
        (key.removeprefix("rq:active:"), tenant)
        for key in client.scan_iter("rq:active:*")
        for tenant in client.zrange(key, 0, -1)
    }
    assert active == waiting
    by_tenant = Counter(job.tenant for job in jobs if job.status == "queued")
    assert {tenant: int(count) for tenant, count in client.hgetall("rq:queued-by-tenant").items()} == by_tenant
    for model in {job.model for job in jobs}:
        here = [job for job in jobs if job.model == model]
        costs = sum(job.cost for job in here if job.status == "queued")
        assert float(client.hget("rq:queued-cost", model) or 0) == pytest.approx(costs, abs=1e-9)
        undone = sum(job.cost * (1 - _progress_fraction(job)) for job in here if job.id in leased)
        assert float(client.hget("rq:remaining-cost", model) or 0) == pytest.approx(undone, abs=1e-9)


def check_outbox(pair: StorePair) -> None:
    """Check that each pending delivery is in one key, and that a queue has a turn iff a delivery can be claimed."""
    client, pending = pair.client, set[str]()
    in_progress, waiting_in = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for job in pair.latest.values():
        for delivery in pair.memory.call(commands.deliveries(job.tenant, job.id, job.images)):
            host = client.hget(f"rq:delivery:{delivery.id}", "host")
            if delivery.status == "pending":
                pending.add(delivery.id)
                (in_progress if delivery.claim_id else waiting_in)[job.tenant, host] += 1
    waiting = {id_ for key in client.scan_iter("rq:delivery-queue:*") for id_ in client.zrange(key, 0, -1)}
    sent = set(client.zrange("rq:delivering", 0, -1))
    assert waiting | sent == pending
    unarchived = set(client.zrange("rq:unarchived-deliveries", 0, -1))
    assert unarchived == set(pair.memory._jobs.outbox.unarchived)
    assert not unarchived & pending
    assert not waiting & sent
    for tenant in ("ada", "bob:x"):
        counted = {host: int(count) for host, count in client.hgetall(f"rq:delivering-to:{tenant}").items()}
        mine = {host: count for (owner, host), count in in_progress.items() if owner == tenant}
        assert counted == (mine | {"*": sum(mine.values())} if mine else {})
        turns = set(client.zrange(f"rq:delivery-hosts:{tenant}", 0, -1))
        assert turns == {h for (t, h) in waiting_in if t == tenant and mine.get(h, 0) < PER_HOST}
        has_turn = client.zscore("rq:delivery-tenants", tenant) is not None
        assert has_turn == (bool(turns) and sum(mine.values()) < PER_TENANT)


def virtual_times(pair: StorePair) -> dict[str, float]:
    """Return each model's current virtual time. Check that charges are equal and that no queued tenant is behind it."""
    now = {model: float(time_) for model, time_ in pair.client.hgetall("rq:virtual-now").items()}
    for model, queue in pair.memory._jobs.queues.items():
        assert now.get(model, 0.0) == queue.now
        charged = pair.client.hgetall(f"rq:virtual:{model}")
        assert all(float(time_) == queue.virtual_time(tenant) for tenant, time_ in charged.items())
        for tenant, time_ in pair.client.zrange(f"rq:active:{model}", 0, -1, withscores=True):
            assert time_ == queue.virtual_time(tenant)
            assert time_ >= queue.now
    return now
