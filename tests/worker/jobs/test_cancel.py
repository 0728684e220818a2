from collections.abc import Iterator

import pytest

from renderq.contract import Status
from renderq_shared.jobs import commands
from renderq_shared.jobs.redis.notifications import WorkerSubscriber
from tests.worker.conftest import NewHarness
from tests.worker.worker_harness import TENANT, WorkerHarness, outputs, progress


@pytest.fixture
def slow(new_harness: NewHarness) -> WorkerHarness:
    """Slow steps, and lease renewals only every 10 s, so that only the subscriber or a write stops a job quickly."""
    return new_harness(step_s=0.05, lease_seconds=30.0)


@pytest.fixture
def subscriber(slow: WorkerHarness) -> Iterator[WorkerSubscriber]:
    subscriber = WorkerSubscriber(
        slow.client, lambda _job_id, claim_id: slow.worker.cancel(claim_id), on_drain=lambda _worker_id: None
    )
    assert subscriber.subscribed.wait(10)
    yield subscriber
    subscriber.close()


@pytest.mark.usefixtures("subscriber")
def test_cancel_ends_a_running_job_at_the_next_step(slow: WorkerHarness) -> None:
    slow.submit("job", n=2, steps=150)
    slow.wake()
    slow.wait_until_running("job")
    slow.store.call(commands.cancel(TENANT, "job"))
    job = slow.wait_until_ended("job")
    assert job.status is Status.CANCELED
    assert progress(job)["step"] < 300
    slow.join_wakeups()
    assert slow.engine.is_empty()


def test_a_cancel_without_a_message_is_found_by_the_next_progress(slow: WorkerHarness) -> None:
    slow.submit("job", steps=150)
    slow.wake()
    slow.wait_until_running("job")
    slow.store.call(commands.cancel(TENANT, "job"))
    job = slow.wait_until_ended("job")
    assert job.status is Status.CANCELED
    assert progress(job)["step"] < 150


def test_a_cancel_during_one_long_step_is_met_by_the_next_renewal(new_harness: NewHarness) -> None:
    harness = new_harness(step_s=2.0, lease_seconds=0.6)
    harness.submit("job", steps=3)
    harness.wake()
    harness.wait_until("job", lambda job: job.status is Status.RUNNING)
    harness.store.call(commands.cancel(TENANT, "job"))
    job = harness.wait_until_ended("job")
    assert job.status is Status.CANCELED
    assert progress(job)["step"] < 3


@pytest.mark.usefixtures("subscriber")
def test_the_neighbors_of_a_canceled_job_are_untouched(slow: WorkerHarness) -> None:
    slow.submit("doomed", steps=150)
    slow.submit("neighbor", steps=40, seed=9)
    slow.wake()
    slow.wait_until_running("doomed")
    slow.wait_until_running("neighbor")
    slow.store.call(commands.cancel(TENANT, "doomed"))
    slow.submit("alone", steps=4, seed=9)
    slow.wake()
    neighbor, alone = slow.wait_until_ended("neighbor"), slow.wait_until_ended("alone")
    assert neighbor.status is alone.status is Status.SUCCEEDED
    assert outputs(neighbor)[0]["pixel_sha256"] == outputs(alone)[0]["pixel_sha256"]


@pytest.mark.usefixtures("subscriber")
def test_images_that_were_done_before_the_cancel_stay(slow: WorkerHarness) -> None:
    slow.submit("filler", n=15, steps=150)
    slow.submit("job", n=2, steps=30)  # sixteen images fill the device, the last one starts when the first is done
    slow.wake()
    slow.wait_until("job", lambda job: len(outputs(job)) == 1)
    slow.store.call(commands.cancel(TENANT, "job"))
    job = slow.wait_until_ended("job")
    assert job.status is Status.CANCELED
    [output] = outputs(job)
    assert slow.files("jobs/job") == [output["key"].removeprefix("jobs/job/")]


def test_a_job_that_was_canceled_while_queued_is_never_taken(harness: WorkerHarness) -> None:
    harness.submit("job")
    harness.store.call(commands.cancel(TENANT, "job"))
    harness.wake()
    harness.join_wakeups()
    job = harness.job("job")
    assert (job.status, job.attempt) == (Status.CANCELED, 0)


@pytest.mark.usefixtures("subscriber")
def test_cancels_of_other_workers_jobs_are_ignored(slow: WorkerHarness) -> None:
    slow.submit("job", steps=20)
    slow.wake()
    slow.wait_until_running("job")
    slow.worker.cancel("another claim")
    assert slow.wait_until_ended("job").status is Status.SUCCEEDED
