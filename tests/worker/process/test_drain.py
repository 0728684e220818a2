"""Draining: what a worker does with its claimed jobs before it stops."""

from renderq.contract import Status
from renderq_shared.jobs import commands
from tests.worker.conftest import NewHarness
from tests.worker.worker_harness import TENANT, outputs


def test_jobs_that_do_not_end_in_time_go_back_into_the_queue(new_harness: NewHarness) -> None:
    harness = new_harness(step_s=0.05)
    harness.submit("filler", n=15, steps=150)
    harness.submit("job", n=2, steps=20)
    harness.wake()
    harness.wait_until("job", lambda job: len(outputs(job)) == 1)
    harness.worker.stop_claiming()
    harness.worker.release_jobs()
    for id in ("filler", "job"):
        job = harness.job(id)
        assert (job.status, job.lost_leases, job.quarantined) == (Status.QUEUED, 0, False)
    assert outputs(harness.job("job")) == []
    assert harness.files() == []
    assert len(harness.worker.claimed_jobs) == 0


def test_a_job_that_was_handed_back_is_done_by_another_worker(new_harness: NewHarness) -> None:
    first, second = new_harness(step_s=0.05), new_harness()
    first.submit("job", steps=150)
    first.wake()
    first.wait_until_running("job")
    first.worker.stop_claiming()
    first.worker.release_jobs()
    second.wake()
    job = second.wait_until_ended("job")
    assert (job.status, job.attempt) == (Status.SUCCEEDED, 2)
    [output] = outputs(job)
    assert second.files("jobs/job") == [output["key"].removeprefix("jobs/job/")]


def test_a_job_that_was_being_canceled_is_not_handed_back_but_ended(new_harness: NewHarness) -> None:
    harness = new_harness(step_s=2.0, lease_seconds=60.0)
    harness.submit("job", steps=10)
    harness.wake()
    harness.wait_until("job", lambda job: job.status is Status.RUNNING)
    harness.store.call(commands.cancel(TENANT, "job"))
    harness.worker.stop_claiming()
    harness.worker.release_jobs()
    assert harness.job("job").status is Status.CANCELED


def test_jobs_that_end_meanwhile_are_kept(new_harness: NewHarness) -> None:
    harness = new_harness(step_s=0.01)
    harness.submit("job", steps=20)
    harness.wake()
    harness.wait_until_running("job")
    harness.worker.stop_claiming()
    assert harness.worker.claimed_jobs.wait_until_empty(30.0)
    harness.worker.release_jobs()
    assert harness.job("job").status is Status.SUCCEEDED
