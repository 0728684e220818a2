"""What a worker that is asked to end does with the jobs that it holds."""

from renderq.contract import Status
from tests.worker.conftest import NewRig
from tests.worker.rig import TENANT, outputs


def test_jobs_that_do_not_end_in_time_go_back_into_the_queue(new_rig: NewRig) -> None:
    rig = new_rig(step_s=0.05)
    rig.submit("filler", n=15, steps=150)
    rig.submit("job", n=2, steps=20)
    rig.wake()
    rig.until("job", lambda job: len(outputs(job)) == 1)
    rig.worker.stop_claiming()
    rig.worker.hand_back()
    for id in ("filler", "job"):
        job = rig.job(id)
        assert (job.status, job.losses, job.suspect) == (Status.QUEUED, 0, False)
    assert outputs(rig.job("job")) == []
    assert rig.files() == []
    assert len(rig.worker.held) == 0


def test_a_job_that_was_handed_back_is_done_by_another_worker(new_rig: NewRig) -> None:
    first, second = new_rig(step_s=0.05), new_rig()
    first.submit("job", steps=150)
    first.wake()
    first.running("job")
    first.worker.stop_claiming()
    first.worker.hand_back()
    second.wake()
    job = second.ended("job")
    assert (job.status, job.attempt) == (Status.SUCCEEDED, 2)
    [output] = outputs(job)
    assert second.files("jobs/job") == [output["key"].removeprefix("jobs/job/")]


def test_a_job_that_was_being_canceled_is_not_handed_back_but_ended(new_rig: NewRig) -> None:
    rig = new_rig(step_s=2.0, lease_seconds=60.0)
    rig.submit("job", steps=10)
    rig.wake()
    rig.until("job", lambda job: job.status is Status.RUNNING)
    rig.store.cancel(TENANT, "job")
    rig.worker.stop_claiming()
    rig.worker.hand_back()
    assert rig.job("job").status is Status.CANCELED


def test_jobs_that_end_meanwhile_are_kept(new_rig: NewRig) -> None:
    rig = new_rig(step_s=0.01)
    rig.submit("job", steps=20)
    rig.wake()
    rig.running("job")
    rig.worker.stop_claiming()
    assert rig.worker.held.wait_until_empty(30.0)
    rig.worker.hand_back()
    assert rig.job("job").status is Status.SUCCEEDED
