"""Jobs are claimed by admission: as many as fit, never more, and none twice."""

import itertools
import json
from typing import Any

import pytest
from structlog.testing import capture_logs

from renderq.contract import Status
from renderq_shared.errors import StoreUnavailable
from renderq_shared.jobs import ClaimRequest, Command, JobRecord, WorkerRecord, commands
from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.redis.clients import sync_client
from tests.job_store.lossy_proxy import LossyProxy
from tests.polling import wait_until
from tests.worker.conftest import NewHarness
from tests.worker.worker_harness import MODEL, WorkerHarness, request_json, submit


class CountingStore(RedisJobStore):
    """Records claims; loses the reply to every claim whose number is in `lost`."""

    lost: frozenset[int] = frozenset()

    def __init__(self, redis_url: str) -> None:
        super().__init__(sync_client(redis_url))
        self.requests: list[ClaimRequest] = []
        self.records: list[JobRecord] = []

    def call(self, command: Command[Any]) -> Any:
        if command.name != "claim":
            return super().call(command)
        self.requests.append(command.params[0])
        record = super().call(command)
        if len(self.requests) in self.lost:
            raise StoreUnavailable("the reply was lost")
        if record is not None:
            self.records.append(record)
        return record


def test_one_wake_up_is_enough_for_all_jobs(harness: WorkerHarness) -> None:
    for number in range(50):
        harness.submit(f"job-{number}")
    harness.wake()
    harness.join_wakeups()
    assert all(harness.job(f"job-{number}").status is Status.SUCCEEDED for number in range(50))


def test_too_many_wake_ups_are_harmless(harness: WorkerHarness) -> None:
    for number in range(20):
        harness.submit(f"job-{number}", n=1 + number % 3)
    harness.wake(40)
    harness.join_wakeups()
    jobs = [harness.job(f"job-{number}") for number in range(20)]
    assert {(job.status, job.attempt) for job in jobs} == {(Status.SUCCEEDED, 1)}


def test_a_wake_up_without_a_job_ends_at_once(harness: WorkerHarness) -> None:
    harness.wake(3)
    harness.join_wakeups()
    assert len(harness.worker.claimed_jobs) == 0


def test_no_more_jobs_are_held_than_there_are_slots(new_harness: NewHarness) -> None:
    harness = new_harness(step_s=0.02, worker_slots=3)
    for number in range(9):
        harness.submit(f"job-{number}", steps=5)
    harness.wake(5)
    maximum = 0
    while any(not harness.job(f"job-{number}").status.is_terminal for number in range(9)):
        maximum = max(maximum, len(harness.worker.claimed_jobs))
    assert maximum == 3


def test_no_job_is_taken_that_the_engine_has_no_free_slots_for(new_harness: NewHarness) -> None:
    harness = new_harness(step_s=0.05)
    for number in range(3):
        harness.submit(f"job-{number}", n=16, steps=150)
    harness.wake(5)
    harness.wait_until_running("job-0")
    harness.wait_until("job-1", lambda job: job.status is Status.RUNNING)  # claimed by prefetch
    assert harness.job("job-2").status is Status.QUEUED


def test_a_wake_up_that_comes_without_free_slots_is_forwarded(new_harness: NewHarness) -> None:
    harness = new_harness(step_s=0.05)
    for number in range(2):
        harness.submit(f"job-{number}", n=16, steps=150)
    harness.wake()
    harness.wait_until("job-1", lambda job: job.status is Status.RUNNING)
    assert not harness.worker.can_accept()
    harness.wake()
    wait_until(lambda: harness.forwarded_wakeups == [MODEL])


def test_a_job_that_would_only_wait_is_left_to_a_worker_that_holds_nothing(
    new_harness: NewHarness, redis_url: str
) -> None:
    store = CountingStore(redis_url)
    harness = new_harness(step_s=0.05, store=store)
    harness.store.call(commands.register(idle_worker(), 60_000))
    harness.submit("wide", n=16, steps=150)
    harness.wake()
    harness.wait_until_running("wide")
    harness.submit("next")
    requests = len(store.requests)
    wait_until(lambda: len(store.requests) > requests + 1, "claim requests")
    assert harness.job("next").status is Status.QUEUED
    harness.store.call(commands.unregister("idle"))
    harness.wait_until("next", lambda job: job.status is Status.RUNNING)
    assert not harness.job("wide").status.is_terminal


def idle_worker() -> WorkerRecord:
    return WorkerRecord("idle", "cpu", (MODEL,), (), jobs=0, draining=False, started_ms=0, seen_ms=0)


def test_slots_are_filled_as_soon_as_they_are_freed(new_harness: NewHarness) -> None:
    harness = new_harness(step_s=0.01)
    harness.submit("wide", n=16, steps=10)
    harness.submit("second", n=16, steps=10)
    harness.submit("third", n=16, steps=10)
    harness.wake()
    harness.join_wakeups()
    assert all(harness.job(id).status is Status.SUCCEEDED for id in ("wide", "second", "third"))


def test_a_slot_that_one_image_frees_is_filled_before_its_job_ends(new_harness: NewHarness) -> None:
    harness = new_harness(step_s=0.05)
    harness.submit("filler", n=15, steps=150)
    harness.submit("pair", n=2, steps=20)  # sixteen images fill the device, the last one waits for its sibling
    harness.submit("next", steps=1)
    harness.wake()
    pair, following = harness.wait_until_ended("pair"), harness.wait_until_ended("next")
    assert (following.started_ms or 0) < (pair.completed_ms or 0)


def test_a_queue_that_was_found_empty_is_not_asked_again_at_every_step(new_harness: NewHarness, redis_url: str) -> None:
    store = CountingStore(redis_url)
    harness = new_harness(step_s=0.005, store=store)
    harness.submit("job", steps=100)
    harness.wake()
    harness.join_wakeups()
    assert [record.id for record in store.records] == ["job"]
    assert len(store.requests) <= 4


def test_slots_that_wait_do_not_all_ask_when_one_job_ends(new_harness: NewHarness, redis_url: str) -> None:
    store = CountingStore(redis_url)
    harness = new_harness(step_s=0.02, store=store)
    for number in range(6):  # one by one, so that each slot holds one job
        harness.submit(f"job-{number}", steps=100 + 5 * number)
        harness.wake()
        harness.wait_until(f"job-{number}", lambda job: job.status is Status.RUNNING)
    harness.join_wakeups()
    assert len(store.records) == 6
    unanswered = len(store.requests) - len(store.records)
    assert unanswered <= 6 + 6  # each slot after its job, and once more when the engine was empty


def test_a_job_whose_claim_was_not_answered_is_found_again(new_harness: NewHarness, redis_url: str) -> None:
    store = CountingStore(redis_url)
    store.lost = frozenset({1, 2})
    harness = new_harness(store=store)
    harness.submit("job")
    harness.wake()
    job = harness.wait_until_ended("job")
    assert (job.status, job.attempt) == (Status.SUCCEEDED, 1)
    assert store.requests[0] == store.requests[1] == store.requests[2]


def test_a_claim_that_was_never_answered_is_handed_back_at_the_end(new_harness: NewHarness, redis_url: str) -> None:
    store = CountingStore(redis_url)
    store.lost = frozenset({1})
    harness = new_harness(store=store)
    harness.submit("job")
    harness.wake()
    wait_until(lambda: store.requests, "the first claim")
    harness.worker.stop_claiming()
    harness.join_wakeups()
    job = harness.job("job")
    assert job.status in {Status.QUEUED, Status.SUCCEEDED}
    assert job.lost_leases == 0


def test_jobs_survive_a_connection_that_loses_replies(redis_url: str, new_harness: NewHarness) -> None:
    port = int(redis_url.rpartition(":")[2].partition("/")[0])
    with LossyProxy(port, loss=0.1, seed=1) as proxy:
        harness = new_harness(redis_url=f"redis://127.0.0.1:{proxy.port}/0")
        direct = RedisJobStore(sync_client(redis_url))
        for number in range(20):
            harness.submit(f"job-{number}")
        harness.wake()
        harness.join_wakeups()
        jobs = [direct.call(commands.get_job("default", f"job-{number}")) for number in range(20)]
        assert proxy.lost > 0
        assert all(found and found[0].status is Status.SUCCEEDED and found[0].attempt == 1 for found in jobs)
        harness.worker.close()


def test_nothing_is_claimed_while_draining(harness: WorkerHarness) -> None:
    harness.worker.stop_claiming()
    harness.submit("job")
    harness.wake()
    harness.join_wakeups()
    assert harness.job("job").status is Status.QUEUED
    assert harness.forwarded_wakeups == [MODEL]


def quarantine(harness: WorkerHarness, job_id: str) -> None:
    harness.client.hset(f"rq:job:{job_id}", "lost_leases", 1)
    assert harness.job(job_id).quarantined


def test_a_quarantined_job_runs_alone(new_harness: NewHarness) -> None:
    harness = new_harness(step_s=0.02)
    harness.submit("before", steps=20)
    harness.wake()
    harness.wait_until_running("before")
    harness.submit("quarantined", steps=40)
    quarantine(harness, "quarantined")
    for number in range(3):
        harness.submit(f"after-{number}", steps=5)
    harness.wake(4)
    harness.wait_until_running("quarantined")
    harness.wake(4)
    harness.join_wakeups()
    names = ["before", "quarantined", *(f"after-{number}" for number in range(3))]
    jobs = {name: harness.wait_until_ended(name) for name in names}
    assert all(job.status is Status.SUCCEEDED for job in jobs.values())
    quarantined_job = jobs.pop("quarantined")
    for other in jobs.values():
        assert _are_disjoint(other, quarantined_job), other.id


def test_quarantined_jobs_share_an_engine_and_run_alone_in_their_last_attempt(new_harness: NewHarness) -> None:
    harness = new_harness(step_s=0.02)
    for name, lost_leases in (("first", 1), ("second", 1), ("last", 2)):
        harness.submit(name, steps=40)
        harness.client.hset(f"rq:job:{name}", "lost_leases", lost_leases)
    harness.wake(3)
    first, second, last = (harness.wait_until_ended(name) for name in ("first", "second", "last"))
    assert not _are_disjoint(first, second)
    assert _are_disjoint(first, last)
    assert _are_disjoint(second, last)


def _are_disjoint(one: JobRecord, other: JobRecord) -> bool:
    assert one.started_ms is not None
    assert one.completed_ms is not None
    assert other.started_ms is not None
    assert other.completed_ms is not None
    return one.completed_ms <= other.started_ms or other.completed_ms <= one.started_ms


def test_jobs_of_one_tenant_start_in_order(harness: WorkerHarness) -> None:
    for number in range(10):
        harness.submit(f"job-{number}")
    harness.wake(3)
    harness.join_wakeups()
    started = [harness.job(f"job-{number}").started_ms or 0 for number in range(10)]
    assert all(earlier <= later for earlier, later in itertools.pairwise(started))


@pytest.mark.parametrize("newer", [{"upscaler": "x4"}, {"task": "video"}, {"scheduler": "quantum"}])
def test_a_job_of_a_newer_version_is_left_to_a_newer_worker(new_harness: NewHarness, newer: dict[str, str]) -> None:
    harness = new_harness()
    request = json.loads(request_json()) | newer
    submit(harness.store, "newer", json.dumps(request))
    harness.submit("job")
    harness.wake()
    assert harness.wait_until_ended("job").status is Status.SUCCEEDED
    harness.join_wakeups()
    left = harness.job("newer")
    assert (left.status, left.lost_leases, left.request_json) == (Status.QUEUED, 0, json.dumps(request))
    attempts = left.attempt
    harness.wake()
    harness.join_wakeups()
    assert harness.job("newer").attempt == attempts == 1


def test_a_damaged_request_fails(new_harness: NewHarness) -> None:
    harness = new_harness()
    submit(harness.store, "damaged", json.dumps(json.loads(request_json()) | {"steps": "many"}))
    harness.wake()
    assert harness.wait_until_ended("damaged").status is Status.FAILED


def test_a_damaged_record_costs_no_other_job(new_harness: NewHarness) -> None:
    harness = new_harness()
    harness.submit("damaged")
    harness.submit("job")
    harness.client.hset("rq:job:damaged", "images", "many")
    harness.wake()
    harness.join_wakeups()
    harness.wake()
    assert harness.wait_until_ended("job").status is Status.SUCCEEDED


def test_a_worker_waits_while_a_key_has_a_wrong_type_logs_that_once_and_goes_on(
    new_harness: NewHarness, redis_url: str
) -> None:
    store = CountingStore(redis_url)
    harness = new_harness(store=store)
    harness.submit("job-0")
    harness.client.rename("rq:queued-cost", "saved")
    harness.client.set("rq:queued-cost", "written by hand")
    with capture_logs() as records:
        harness.wake()
        wait_until(lambda: len(store.requests) > 3)
        harness.client.rename("saved", "rq:queued-cost")
        assert harness.wait_until_ended("job-0").status is Status.SUCCEEDED
    reasons = [record["reason"] for record in records if record["event"] == "claim.unanswered"]
    assert len(reasons) == 1
    assert "of the kind rq:queued-cost " in reasons[0]
