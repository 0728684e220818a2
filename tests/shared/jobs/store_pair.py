"""The in-memory store and the one over Redis, driven with the same operations and compared after each."""

import itertools
import json
import time
from collections import Counter
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
    ModelTimings,
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
"""Real time that may pass during one example; operations reckon in multiples of 1,000,000 ms."""

TIMES = (
    *("due_ms", "used_ms", "created_ms", "started_ms", "completed_ms", "deadline_at_ms", "seen_ms"),
    *("oldest_age_ms", "wall_ms"),
)


Answer = TypeVar("Answer")


class StorePair:
    """Two stores that must not differ in anything that can be seen."""

    def __init__(self, client: redis.Redis) -> None:
        client.flushdb()
        self.client = client
        self.redis = RedisJobStore(client)
        self._clock = time.time_ns() // 1_000_000
        self.changes: list[JobRecord] = []
        self.cancels: list[str] = []
        self.previews: list[str] = []
        self.memory = MemoryJobStore(
            lambda: self._clock,
            on_change=self.changes.append,
            on_cancel=lambda job_id, claim_id: self.cancels.append(f"{job_id} {claim_id}"),
            preview_viewers=lambda job_id: int(job_id == self._looked_at),
            on_preview=lambda job_id, preview: self.previews.append(preview) if job_id == self._looked_at else None,
        )
        self._looked_at: str | None = None
        self._passed = 0
        self._channels = client.pubsub(ignore_subscribe_messages=True)
        self._channels.subscribe("rq:changes", "rq:cancels")
        self.latest: dict[str, JobRecord] = {}
        self._ops = itertools.count()

    def close(self) -> None:
        self._channels.close()

    def advance(self, ms: int) -> None:
        """Both get older."""
        self._clock += ms
        self._passed += ms
        make_older(self.client, ms)

    def watch_previews(self, job_id: str | None) -> None:
        """Somebody looks at the previews of this job and of no other."""
        if job_id == self._looked_at:
            return
        if self._looked_at:
            self._channels.unsubscribe(f"rq:previews:{self._looked_at}")
        if job_id:
            self._channels.subscribe(f"rq:previews:{job_id}")
        self._looked_at = job_id
        while self.client.pubsub_channels("rq:previews:*") != ([f"rq:previews:{job_id}"] if job_id else []):
            time.sleep(0.001)

    def run_on_both(self, command: Command[Answer], repeat: bool = False) -> Answer:
        """Run one operation on both and compare answers, changes and cancels. Redis may run it twice."""
        time.sleep(0.001)  # so that the order of times is the order of operations, on both sides
        self._clock += 1
        self.changes.clear()
        self.cancels.clear()
        self.previews.clear()
        answer = self.memory.call(command)
        actual = self.redis.call(command)
        if repeat and command.name not in {"sweep", "apply_retention"}:
            actual = self.redis.call(command)
        assert self._alike(actual) == self._alike(answer, shift=self._passed)
        self._compare_channels()
        return answer

    def compare_jobs(self) -> None:
        """Every job, place and queue looks the same; and Redis holds each job in the one place where it belongs."""
        for job in list(self.latest.values()):
            ours, theirs = (
                self.memory.call(commands.get(job.tenant, job.id)),
                self.redis.call(commands.get(job.tenant, job.id)),
            )
            assert self._alike(theirs) == self._alike(ours, shift=self._passed)
            assert self.redis.call(commands.get("stranger", job.id)) is None
            sent, filed = (
                self.memory.call(commands.deliveries(job.tenant, job.id)),
                self.redis.call(commands.deliveries(job.tenant, job.id)),
            )
            assert self._alike(filed) == self._alike(sent, shift=self._passed)
            assert self.redis.call(commands.deliveries("stranger", job.id)) is None
        for tenant in {job.tenant for job in self.latest.values()}:
            self._compare_lists(tenant, JobFilter())
            self._compare_lists(tenant, JobFilter(Status.QUEUED, "shapes", "txt2img"))
        assert self._alike(self.redis.call(commands.queues())) == self._alike(
            self.memory.call(commands.queues()), shift=0
        )
        assert self.redis.call(commands.stats()).running == self.memory.call(commands.stats()).running
        assert self.redis.call(commands.stats()).paused == self.memory.call(commands.stats()).paused
        assert self.redis.call(commands.tenants()) == self.memory.call(commands.tenants())
        assert self._alike(self.redis.call(commands.timings())) == self._alike(
            self.memory.call(commands.timings()), shift=0
        )
        assert self._alike(self.redis.call(commands.workers())) == self._alike(
            self.memory.call(commands.workers()), shift=self._passed
        )

    def _compare_lists(self, tenant: str, wanted: JobFilter) -> None:
        """Page by page, of few jobs and short looks."""
        ours, theirs = JobPage((), None), JobPage((), None)
        while True:
            ours = self.memory.call(commands.page(tenant, wanted, 3, 5, ours.last))
            theirs = self.redis.call(commands.page(tenant, wanted, 3, 5, theirs.last))
            assert self._alike(theirs.records) == self._alike(ours.records, shift=self._passed)
            assert (theirs.last and theirs.last.job_id) == (ours.last and ours.last.job_id)
            if ours.last is None:
                return

    def _compare_channels(self) -> None:
        snapshots, cancels, previews = self._heard()
        assert [self._alike(each) for each in snapshots] == [
            self._alike(each, shift=self._passed) for each in self.changes
        ]
        assert cancels == self.cancels
        assert previews == self.previews
        for record in self.changes:
            self._check_transition(record)

    def _check_transition(self, record: JobRecord) -> None:
        before = self.latest.get(record.id)
        if before and before.status.is_terminal and record.version == 1:
            before = None  # it was forgotten, and its id is free again
        assert record.version == (before.version + 1 if before else 1)
        if before:
            assert before.status is record.status or can_transition(before.status, record.status)
            assert not before.status.is_terminal or (record.outputs_expired and not before.outputs_expired)
        self.latest[record.id] = record

    def _heard(self) -> tuple[list[JobRecord], list[str], list[str]]:
        end = f"end of operation {next(self._ops)}"
        self.client.publish("rq:changes", end)
        snapshots: list[JobRecord] = []
        cancels: list[str] = []
        previews: list[str] = []
        while True:
            message = self._channels.get_message(timeout=10)
            if message is None:
                continue
            if message["data"] == end:
                return snapshots, cancels, previews
            if message["channel"] == "rq:cancels":
                cancels.append(message["data"])
            elif message["channel"] != "rq:changes":
                previews.append(message["data"])
            else:
                snapshots.append(decode_job(json.loads(message["data"])))

    def _alike(self, answer: Any, shift: int = 0) -> Any:
        """An answer with its times made coarse and counted from when everything was made older."""
        if isinstance(answer, tuple):
            return tuple(self._alike(each, shift) for each in answer)
        names = getattr(answer, "__dataclass_fields__", {})
        if isinstance(answer, ModelTimings):
            return replace(answer, samples=self._alike(answer.samples))
        if isinstance(answer, RetentionResult):
            return replace(answer, manifests=self._alike(answer.manifests, shift))
        if isinstance(answer, SweepResult):
            return replace(answer, queues=self._alike(answer.queues))
        coarse = {
            name: _Time(value if name in {"oldest_age_ms", "wall_ms"} else value - shift)
            for name in TIMES
            if name in names and (value := getattr(answer, name)) is not None
        }
        if "record" in names:
            coarse["record"] = self._alike(answer.record, shift)
        return replace(answer, **coarse) if coarse else answer


class _Time(int):
    """Equal to what is about the same."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, int) and abs(int(self) - int(other)) < TOLERANCE_MS

    __hash__ = None  # type: ignore[assignment]


def _share_done(job: JobRecord) -> float:
    done = json.loads(job.progress_json or "{}")
    return done["step"] / done["steps"] if done else 0.0


def check_keys(pair: StorePair) -> None:
    """Redis holds each job in the one place where its status says, and its counts and virtual times are right."""
    client = pair.client
    queued = Counter[str]()
    for key in client.scan_iter("rq:queue:*"):
        queued.update(client.zrange(key, 0, -1))
    oldest = Counter(id_ for key in client.scan_iter("rq:oldest:*") for id_ in client.zrange(key, 0, -1))
    leased = set(client.zrange("rq:leases", 0, -1))
    due = set(client.zrange("rq:deadlines", 0, -1))
    jobs = [job for job in pair.latest.values() if pair.memory.call(commands.get(job.tenant, job.id))]
    ended = {job.id for job in jobs if job.status.is_terminal}
    emptied = {job.id for job in jobs if job.outputs_expired}
    assert set(client.zrange("rq:ended", 0, -1)) == ended - emptied
    assert set(client.zrange("rq:outputs-expired", 0, -1)) == emptied
    assert set(client.zrange("rq:removals", 0, -1)) == set(pair.memory._removals.due)
    assert set(client.zrange("rq:late-removals", 0, -1)) == set(pair.memory._removals.late)
    assets = {f"{asset_id}:{tenant}" for tenant, asset_id in pair.memory._assets._assets}
    idle = {f"{asset.id}:{asset.tenant}" for asset in pair.memory._assets.unreferenced}
    assert set(client.zrange("rq:assets", 0, -1)) == idle
    assert {key.removeprefix("rq:asset:") for key in client.scan_iter("rq:asset:*")} == assets
    assert set(client.zrange("rq:manifests", 0, -1)) == set(pair.memory._retention.manifests)
    assert {key.removeprefix("rq:job:") for key in client.scan_iter("rq:job:*")} == {job.id for job in jobs}
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
        undone = sum(job.cost * (1 - _share_done(job)) for job in here if job.id in leased)
        assert float(client.hget("rq:remaining-cost", model) or 0) == pytest.approx(undone, abs=1e-9)


def check_outbox(pair: StorePair) -> None:
    """Redis holds each pending delivery in one place, and a lane has a turn iff something can be taken from it."""
    client, pending = pair.client, set[str]()
    held, lanes = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for job in (job for job in pair.latest.values() if pair.memory.call(commands.get(job.tenant, job.id))):
        for delivery in pair.memory.call(commands.deliveries(job.tenant, job.id)) or ():
            host = client.hget(f"rq:delivery:{delivery.id}", "host")
            if delivery.status == "pending":
                pending.add(delivery.id)
                (held if delivery.claim_id else lanes)[job.tenant, host] += 1
    waiting = {id_ for key in client.scan_iter("rq:delivery-queue:*") for id_ in client.zrange(key, 0, -1)}
    sent = set(client.zrange("rq:delivering", 0, -1))
    assert waiting | sent == pending
    assert not waiting & sent
    for tenant in ("ada", "bob:x"):
        counted = {host: int(count) for host, count in client.hgetall(f"rq:delivering-to:{tenant}").items()}
        mine = {host: count for (owner, host), count in held.items() if owner == tenant}
        assert counted == (mine | {"*": sum(mine.values())} if mine else {})
        turns = set(client.zrange(f"rq:delivery-hosts:{tenant}", 0, -1))
        assert turns == {h for (t, h) in lanes if t == tenant and mine.get(h, 0) < PER_HOST}
        has_turn = client.zscore("rq:delivery-tenants", tenant) is not None
        assert has_turn == (bool(turns) and sum(mine.values()) < PER_TENANT)


def virtual_times(pair: StorePair) -> dict[str, float]:
    """Each model's current virtual time. Tenants are charged the same on both sides; none that waits is behind it."""
    now = {model: float(time_) for model, time_ in pair.client.hgetall("rq:virtual-now").items()}
    for model, queue in pair.memory._jobs.queues.items():
        assert now.get(model, 0.0) == queue.now
        charged = pair.client.hgetall(f"rq:virtual:{model}")
        assert all(float(time_) == queue.virtual_time(tenant) for tenant, time_ in charged.items())
        for tenant, time_ in pair.client.zrange(f"rq:active:{model}", 0, -1, withscores=True):
            assert time_ == queue.virtual_time(tenant)
            assert time_ >= queue.now
    return now
