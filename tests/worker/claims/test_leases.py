"""Leases: renewed while the worker lives; nothing is written once a lease is lost."""

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
from tests.polling import wait_until
from tests.worker.conftest import NewHarness
from tests.worker.worker_harness import ENTRY, MODEL, WorkerHarness, get_job, outputs, request_json, submit

LEASE_MS = 1_000


def requeue(harness: WorkerHarness, job_id: str) -> ClaimRef:
    """Requeue the job as a sweep does after a lost lease; return the claim that lost it."""
    job = harness.job(job_id)
    assert job.claim_id is not None
    claim_ref = ClaimRef(job_id, job.claim_id)
    assert harness.store.call(commands.requeue(claim_ref)) is FenceResult.HELD
    return claim_ref


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
    lost = requeue(harness, "early")
    second = claim_by_another(harness.store, lease_ms=60_000)
    assert second is not None
    wait_until(lambda: harness.worker.claimed_jobs.by_claim(lost.claim_id) is None, "the end of the lost claim")
    assert harness.files("jobs/early") == []
    job = harness.job("early")
    assert (job.status, job.worker, job.version) == (Status.RUNNING, "w2", second.version)


def test_a_claim_that_lost_its_job_ends_without_a_word(new_harness: NewHarness) -> None:
    # No renewal and hardly a write: the report of the outcome itself meets the fence.
    harness = new_harness(step_s=0.1, lease_seconds=60.0)
    harness.submit("job", steps=1)
    harness.wake()
    harness.wait_until("job", lambda job: job.status is Status.RUNNING)
    harness.worker.stop_claiming()  # so that this worker does not claim the job again itself
    requeue(harness, "job")
    second = claim_by_another(harness.store, lease_ms=60_000)
    wait_until(lambda: len(harness.worker.claimed_jobs) == 0, "the end of the lost claim")
    assert second is not None
    assert harness.job("job") == second
    assert harness.files() == []


def test_images_that_a_job_shows_stay_although_the_claim_is_over(new_harness: NewHarness) -> None:
    """A sweep fails a job past its deadline and keeps its finished images, so the worker must not delete them."""
    harness = new_harness(step_s=0.05, lease_seconds=0.5)
    harness.submit("filler", n=15, steps=150)
    harness.submit("job", n=2, steps=20)
    harness.wake()
    harness.wait_until("job", lambda job: len(outputs(job)) == 1)
    harness.client.zadd("rq:deadlines", {"job": 1})
    harness.client.hset("rq:job:job", "deadline_at_ms", 1)
    harness.store.call(commands.sweep(500, 100))
    wait_until(lambda: len(harness.worker.claimed_jobs) == 1, "the end of the overdue job")
    job = harness.job("job")
    assert job.status is Status.FAILED
    [output] = outputs(job)
    assert harness.files("jobs/job") == [output["key"].removeprefix("jobs/job/")]


class StalledEngine(SimulatedEngine):
    """Reports that its first operation hangs."""

    @property
    def health(self) -> EngineHealth:
        return EngineHealth(is_alive=True, stage="denoising", since=0.0, stall_budget_s=0.0)


class UnavailableStore(RedisJobStore):
    """Fails the next `refusals` renewals."""

    refusals = 1

    def call(self, command: Command[Any]) -> Any:
        if command.name == "renew" and self.refusals:
            self.refusals -= 1
            raise StoreUnavailable("Redis is down")
        return super().call(command)


@pytest.fixture
def store(redis_url: str) -> UnavailableStore:
    return UnavailableStore(sync_client(redis_url))


@pytest.fixture
def claimed_jobs(store: UnavailableStore) -> ClaimedJobs:
    submit(store, "job", text=request_json())
    record = claim_by_another(store)
    assert record is not None
    claimed_jobs = ClaimedJobs()
    claimed_jobs.add(RunningJob(record, "claim-2"))
    return claimed_jobs


def renewer(
    store: UnavailableStore, claimed_jobs: ClaimedJobs, engine: type[SimulatedEngine], results: list[FenceResult]
) -> LeaseRenewer:
    simulated = engine([ENTRY], 0.0, 10.0)
    simulated.start()
    return LeaseRenewer(store, claimed_jobs, simulated, LEASE_MS / 1000, lambda _job, result: results.append(result))


def test_a_worker_that_hangs_keeps_nothing(store: UnavailableStore, claimed_jobs: ClaimedJobs) -> None:
    results: list[FenceResult] = []
    renewer(store, claimed_jobs, StalledEngine, results).tick()
    assert results == []
    assert store.refusals == 1


def test_a_store_that_is_away_is_asked_again_sooner(store: UnavailableStore, claimed_jobs: ClaimedJobs) -> None:
    results: list[FenceResult] = []
    leases = renewer(store, claimed_jobs, SimulatedEngine, results)
    assert leases.tick() <= LEASE_MS / 3000
    assert results == []
    leases.tick()
    assert results == [FenceResult.HELD]
    assert get_job(store, "job").lost_leases == 0
