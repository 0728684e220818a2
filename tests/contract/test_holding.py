"""What a worker may do with a job: everything while its claim holds, nothing after."""

import pytest

from renderq.contract import Status
from renderq_shared.jobs import Held, JobRecord, JobStore, JobUpdate, Outcome, Verdict
from tests.contract.building import LEASE_MS, SUCCEEDED, claim, held, read, submit
from tests.contract.worlds import World

FAILED = Outcome(Status.FAILED, error_json='{"code": "internal"}')
CANCELED = Outcome(Status.CANCELED)
NEWS = JobUpdate(grid_json="{}", stage="denoising", progress_json='{"step": 3}', outputs_json="[1]", runtime_json="{}")


@pytest.fixture
def job(store: JobStore) -> JobRecord:
    submit(store, "job_1")
    taken = claim(store, "claim-1")
    assert taken is not None
    return taken


def test_renewal_tells_each_jobs_fate_in_order(store: JobStore) -> None:
    for number in range(3):
        submit(store, f"job_{number}")
    mine = [held(claim(store, f"claim-{number}")) for number in range(3)]
    store.cancel("ada", "job_1")
    store.finish(mine[2], SUCCEEDED)
    verdicts = store.renew([*mine, Held("job_0", "strange"), Held("nothing", "claim-0")], LEASE_MS)
    assert verdicts == (Verdict.HELD, Verdict.CANCELING, Verdict.LOST, Verdict.LOST, Verdict.LOST)
    assert store.renew([], LEASE_MS) == ()


def test_a_renewed_lease_lasts(world: World) -> None:
    submit(world.store, "job_1")
    world.store.sweep(LEASE_MS, 100)
    mine = held(claim(world.store))
    for _ in range(3):
        world.later(LEASE_MS - 5_000)
        assert world.store.renew([mine], LEASE_MS) == (Verdict.HELD,)
        world.store.sweep(LEASE_MS, 100)
    assert read(world.store, "job_1").status is Status.RUNNING


def test_a_late_renewal_of_what_nobody_took_over_succeeds(world: World) -> None:
    submit(world.store, "job_1")
    world.store.sweep(LEASE_MS, 100)
    mine = held(claim(world.store))
    world.later(LEASE_MS - 1_000)
    world.store.sweep(LEASE_MS, 100)
    world.later(2_000)
    assert world.store.renew([mine], LEASE_MS) == (Verdict.HELD,)
    world.store.sweep(LEASE_MS, 100)
    assert read(world.store, "job_1").status is Status.RUNNING


def test_a_renewal_is_no_change(store: JobStore, job: JobRecord) -> None:
    store.renew([held(job)], LEASE_MS)
    assert read(store, "job_1") == job


def test_news_are_written_and_counted_once(store: JobStore, job: JobRecord) -> None:
    assert store.progress(held(job), NEWS).verdict is Verdict.HELD
    assert store.progress(held(job), NEWS).verdict is Verdict.HELD
    assert store.progress(held(job), JobUpdate(progress_json='{"step": 4}')).verdict is Verdict.HELD
    now = read(store, "job_1")
    assert (now.stage, now.progress_json, now.outputs_json) == ("denoising", '{"step": 4}', "[1]")
    assert now.version == job.version + 2


def test_news_of_a_canceling_job_are_written(store: JobStore, job: JobRecord) -> None:
    store.cancel("ada", "job_1")
    assert store.progress(held(job), NEWS).verdict is Verdict.CANCELING
    assert read(store, "job_1").outputs_json == "[1]"


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.FAILED])
def test_a_job_ends_once_with_its_last_news(store: JobStore, job: JobRecord, status: Status) -> None:
    outcome = Outcome(status, error_json='{"code": "internal"}' if status is Status.FAILED else None, update=NEWS)
    first = store.finish(held(job), outcome)
    assert first.accepted
    ended = first.record
    assert ended == read(store, "job_1")
    assert (ended.status, ended.outputs_json, ended.error_json) == (status, "[1]", outcome.error_json)
    assert ended.grid_json == "{}"
    assert (ended.stage, ended.claim_id, ended.worker) == (None, "claim-1", "worker")
    assert ended.completed_ms is not None
    assert store.finish(held(job), outcome) == first


def test_a_second_outcome_of_the_same_claim_changes_nothing(store: JobStore, job: JobRecord) -> None:
    first = store.finish(held(job), SUCCEEDED)
    assert store.finish(held(job), FAILED) == first


def test_finishing_a_canceling_job_cancels_it_and_keeps_its_outputs(store: JobStore, job: JobRecord) -> None:
    store.cancel("ada", "job_1")
    finished = store.finish(held(job), Outcome(Status.FAILED, error_json="{}", update=NEWS))
    assert finished.accepted
    assert (finished.record.status, finished.record.outputs_json) == (Status.CANCELED, "[1]")
    assert finished.record.error_json is None


def test_a_worker_cannot_cancel_what_nobody_wanted_canceled(store: JobStore, job: JobRecord) -> None:
    refused = store.finish(held(job), CANCELED)
    assert (refused.accepted, refused.record) == (False, job)
    assert store.finish(held(job), SUCCEEDED).accepted


def test_a_job_that_is_handed_back_is_queued_as_if_nothing_had_been_done(store: JobStore, job: JobRecord) -> None:
    store.progress(held(job), NEWS)
    assert store.requeue(held(job)) is Verdict.HELD
    back = read(store, "job_1")
    assert (back.status, back.attempt, back.losses, back.suspect) == (Status.QUEUED, 1, 0, False)
    assert (back.claim_id, back.worker, back.stage, back.progress_json, back.outputs_json) == (None,) * 5
    assert back.grid_json is None
    assert back.version == job.version + 2


def test_a_repeated_hand_back_answers_the_same_even_when_somebody_else_has_the_job(
    store: JobStore, job: JobRecord
) -> None:
    assert store.requeue(held(job)) is Verdict.HELD
    assert store.requeue(held(job)) is Verdict.HELD
    other = claim(store, "claim-2")
    assert store.requeue(held(job)) is Verdict.HELD
    assert read(store, "job_1") == other


def test_handing_back_a_canceling_job_cancels_it(store: JobStore, job: JobRecord) -> None:
    store.cancel("ada", "job_1")
    assert store.requeue(held(job)) is Verdict.CANCELING
    assert store.requeue(held(job)) is Verdict.CANCELING
    assert read(store, "job_1").status is Status.CANCELED


def test_an_old_claim_can_do_nothing_to_a_job_that_somebody_else_has(store: JobStore, job: JobRecord) -> None:
    old = held(job)
    store.requeue(old)
    current = claim(store, "claim-2")
    assert store.renew([old], LEASE_MS) == (Verdict.LOST,)
    assert store.progress(old, NEWS).verdict is Verdict.LOST
    refused = store.finish(old, SUCCEEDED)
    assert (refused.accepted, refused.record) == (False, current)
    assert read(store, "job_1") == current
    assert store.finish(held(current), SUCCEEDED).accepted


def test_an_old_claim_can_do_nothing_to_a_job_that_is_queued_again(store: JobStore, job: JobRecord) -> None:
    store.requeue(held(job))
    queued = read(store, "job_1")
    assert store.progress(held(job), NEWS).verdict is Verdict.LOST
    assert not store.finish(held(job), SUCCEEDED).accepted
    assert read(store, "job_1") == queued


def test_a_finished_job_cannot_be_touched_by_its_own_claim(store: JobStore, job: JobRecord) -> None:
    ended = store.finish(held(job), SUCCEEDED).record
    assert store.progress(held(job), NEWS).verdict is Verdict.LOST
    assert store.renew([held(job)], LEASE_MS) == (Verdict.LOST,)
    assert store.requeue(held(job)) is Verdict.LOST
    assert read(store, "job_1") == ended


def test_nobody_holds_what_does_not_exist(store: JobStore) -> None:
    nothing = Held("job_1", "claim-1")
    assert store.progress(nothing, NEWS).verdict is Verdict.LOST
    assert store.requeue(nothing) is Verdict.LOST
    finished = store.finish(nothing, SUCCEEDED)
    assert (finished.accepted, finished.record) == (False, None)
