from collections.abc import Iterator

import pytest

from renderq.contract import Status
from renderq_shared.jobs.changes import CancelListener
from tests.worker.conftest import NewRig
from tests.worker.rig import TENANT, Rig, outputs, progress


@pytest.fixture
def slow(new_rig: NewRig) -> Rig:
    """Three minutes for 150 steps; renewals every 10 s, so that nothing but the listener or a write is quick."""
    return new_rig(step_s=0.05, lease_seconds=30.0)


@pytest.fixture
def listener(slow: Rig) -> Iterator[CancelListener]:
    listener = CancelListener(slow.client, lambda _job_id, claim_id: slow.worker.cancel(claim_id))
    assert listener.subscribed.wait(10)
    yield listener
    listener.close()


@pytest.mark.usefixtures("listener")
def test_cancel_ends_a_running_job_at_the_next_step(slow: Rig) -> None:
    slow.submit("job", n=2, steps=150)
    slow.wake()
    slow.running("job")
    slow.store.cancel(TENANT, "job")
    job = slow.ended("job")
    assert job.status is Status.CANCELED
    assert progress(job)["step"] < 300
    slow.sleep_again()
    assert slow.engine.is_empty()


def test_a_cancel_that_nobody_heard_is_met_by_the_next_progress(slow: Rig) -> None:
    slow.submit("job", steps=150)
    slow.wake()
    slow.running("job")
    slow.store.cancel(TENANT, "job")
    job = slow.ended("job")
    assert job.status is Status.CANCELED
    assert progress(job)["step"] < 150


def test_a_cancel_during_one_long_step_is_met_by_the_next_renewal(new_rig: NewRig) -> None:
    rig = new_rig(step_s=2.0, lease_seconds=0.6)
    rig.submit("job", steps=3)
    rig.wake()
    rig.until("job", lambda job: job.status is Status.RUNNING)
    rig.store.cancel(TENANT, "job")
    job = rig.ended("job")
    assert job.status is Status.CANCELED
    assert progress(job)["step"] < 3


@pytest.mark.usefixtures("listener")
def test_the_neighbours_of_a_canceled_job_are_untouched(slow: Rig) -> None:
    slow.submit("doomed", steps=150)
    slow.submit("neighbour", steps=40, seed=9)
    slow.wake()
    slow.running("doomed")
    slow.running("neighbour")
    slow.store.cancel(TENANT, "doomed")
    slow.submit("alone", steps=4, seed=9)
    slow.wake()
    neighbour, alone = slow.ended("neighbour"), slow.ended("alone")
    assert neighbour.status is alone.status is Status.SUCCEEDED
    assert outputs(neighbour)[0]["pixel_sha256"] == outputs(alone)[0]["pixel_sha256"]


@pytest.mark.usefixtures("listener")
def test_pictures_that_were_done_before_the_cancel_stay(slow: Rig) -> None:
    slow.submit("filler", n=15, steps=150)
    slow.submit("job", n=2, steps=30)  # sixteen images fill the device, the last one starts when the first is done
    slow.wake()
    slow.until("job", lambda job: len(outputs(job)) == 1)
    slow.store.cancel(TENANT, "job")
    job = slow.ended("job")
    assert job.status is Status.CANCELED
    [output] = outputs(job)
    assert slow.files("jobs/job") == [output["key"].removeprefix("jobs/job/")]


def test_a_job_that_was_canceled_while_queued_is_never_taken(rig: Rig) -> None:
    rig.submit("job")
    rig.store.cancel(TENANT, "job")
    rig.wake()
    rig.sleep_again()
    job = rig.job("job")
    assert (job.status, job.attempt) == (Status.CANCELED, 0)


@pytest.mark.usefixtures("listener")
def test_cancels_of_other_workers_jobs_are_ignored(slow: Rig) -> None:
    slow.submit("job", steps=20)
    slow.wake()
    slow.running("job")
    slow.worker.cancel("another claim")
    assert slow.ended("job").status is Status.SUCCEEDED
