"""A lease owns the work: it is kept while the worker lives, and nothing is written once it is lost."""

from typing import Any

import pytest

from renderq.contract import Status
from renderq_shared.errors import StoreUnavailable
from renderq_shared.jobs import Candidate, ClaimRef, ClaimRequest, Command, FenceResult, JobRecord, commands
from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.redis.clients import sync_client
from renderq_worker.claims.claimed_jobs import ClaimedJobs
from renderq_worker.claims.lease_renewer import LeaseRenewer
from renderq_worker.engine import EngineHealth, SimulatedEngine
from renderq_worker.jobs.running_job import RunningJob
from tests.worker.conftest import NewHarness
from tests.worker.worker_harness import ENTRY, MODEL, WorkerHarness, get_job, outputs, request_json, submit, wait_until

LEASE_MS = 1_000


def taken_away(harness: WorkerHarness, job_id: str) -> ClaimRef:
    """What the sweep does after a lost lease, at once: the job is back in the queue. The claim that lost it."""
    job = harness.job(job_id)
    assert job.claim_id is not None
    held = ClaimRef(job_id, job.claim_id)
    assert harness.store.call(commands.requeue(held)) is FenceResult.HELD
    return held


def claim_by_another(store: RedisJobStore, lease_ms: int = LEASE_MS) -> JobRecord | None:
    return store.call(commands.claim(ClaimRequest("claim-2", "w2", lease_ms, (Candidate(MODEL, True),), True, 10_000)))


def test_a_step_that_is_longer_than_several_leases_loses_nothing(new_harness: NewHarness) -> None:
    harness = new_harness(step_s=2.0, lease_seconds=0.5)
    harness.submit("job", steps=1)
    harness.wake()
    swept = 0
    while not (job := harness.job("job")).status.is_terminal:
        harness.store.call(commands.sweep(500, 100))
        swept += 1
    assert swept > 1
    assert (job.status, job.attempt, job.lost_leases) == (Status.SUCCEEDED, 1, 0)


def test_a_lost_job_is_left_alone_and_its_files_are_removed(new_harness: NewHarness) -> None:
    harness = new_harness(step_s=0.05, lease_seconds=0.5)
    harness.submit("job", n=15, steps=150)
    harness.submit("early", n=2, steps=20)
    harness.wake()
    harness.wait_until("early", lambda job: len(outputs(job)) == 1)
    lost = taken_away(harness, "early")
    second = claim_by_another(harness.store, lease_ms=60_000)
    assert second is not None
    wait_until(lambda: harness.worker.claimed_jobs.by_claim(lost.claim_id) is None, "forgetting the lost job")
    assert harness.files("jobs/early") == []
    job = harness.job("early")
    assert (job.status, job.worker, job.version) == (Status.RUNNING, "w2", second.version)


def test_a_claim_that_lost_its_job_ends_without_a_word(new_harness: NewHarness) -> None:
    harness = new_harness(
        step_s=0.1, lease_seconds=60.0
    )  # no renewal and hardly a write: the end itself meets the fence
    harness.submit("job", steps=1)
    harness.wake()
    harness.wait_until("job", lambda job: job.status is Status.RUNNING)
    taken_away(harness, "job")
    second = claim_by_another(harness.store, lease_ms=60_000)
    harness.join_wakeups()
    assert second is not None
    assert harness.job("job") == second
    assert harness.files() == []


def test_images_that_a_job_shows_stay_although_the_claim_is_over(new_harness: NewHarness) -> None:
    """The sweep ends a job that is overdue: its finished pictures are kept, so the worker must not remove them."""
    harness = new_harness(step_s=0.05, lease_seconds=0.5)
    harness.submit("filler", n=15, steps=150)
    harness.submit("job", n=2, steps=20)
    harness.wake()
    harness.wait_until("job", lambda job: len(outputs(job)) == 1)
    harness.client.zadd("rq:deadlines", {"job": 1})
    harness.client.hset("rq:job:job", "deadline_at_ms", 1)
    harness.store.call(commands.sweep(500, 100))
    wait_until(lambda: len(harness.worker.claimed_jobs) == 1, "forgetting the overdue job")
    job = harness.job("job")
    assert job.status is Status.FAILED
    [output] = outputs(job)
    assert harness.files("jobs/job") == [output["key"].removeprefix("jobs/job/")]


class StalledEngine(SimulatedEngine):
    """Hangs in its first operation."""

    @property
    def health(self) -> EngineHealth:
        return EngineHealth(is_alive=True, stage="denoising", since=0.0, stall_budget_s=0.0)


class AwayStore(RedisJobStore):
    """Does not answer renewals for a while."""

    refusals = 1

    def call(self, command: Command[Any]) -> Any:
        if command.name == "renew" and self.refusals:
            self.refusals -= 1
            raise StoreUnavailable("Redis is away")
        return super().call(command)


@pytest.fixture
def store(redis_url: str) -> AwayStore:
    return AwayStore(sync_client(redis_url))


@pytest.fixture
def held(store: AwayStore) -> ClaimedJobs:
    submit(store, "job", text=request_json())
    record = claim_by_another(store)
    assert record is not None
    held = ClaimedJobs()
    held.add(RunningJob(record, "claim-2"))
    return held


def keeper(
    store: AwayStore, held: ClaimedJobs, engine: type[SimulatedEngine], heard: list[FenceResult]
) -> LeaseRenewer:
    simulated = engine([ENTRY], 0.0, 10.0)
    simulated.start()
    return LeaseRenewer(store, held, simulated, LEASE_MS / 1000, lambda _job, verdict: heard.append(verdict))


def test_a_worker_that_hangs_keeps_nothing(store: AwayStore, held: ClaimedJobs) -> None:
    heard: list[FenceResult] = []
    keeper(store, held, StalledEngine, heard).tick()
    assert heard == []
    assert store.refusals == 1


def test_a_store_that_is_away_is_asked_again_sooner(store: AwayStore, held: ClaimedJobs) -> None:
    heard: list[FenceResult] = []
    leases = keeper(store, held, SimulatedEngine, heard)
    assert leases.tick() <= LEASE_MS / 3000
    assert heard == []
    leases.tick()
    assert heard == [FenceResult.HELD]
    assert get_job(store, "job").lost_leases == 0
