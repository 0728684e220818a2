"""Fencing: a worker can change a job only while its claim holds it."""

import pytest

from renderq.contract import Status
from renderq_shared.jobs import ClaimRef, FenceResult, JobRecord, JobStore, JobUpdate, Outcome, commands
from tests.job_store.factories import LEASE_MS, SUCCEEDED, claim, claim_ref, get_job, submit
from tests.job_store.store_backends import StoreBackend

FAILED = Outcome(Status.FAILED, error_json='{"code": "internal"}')
CANCELED = Outcome(Status.CANCELED)
UPDATE = JobUpdate(
    grid_json="{}", stage="denoising", progress_json='{"step": 3}', outputs_json="[1]", runtime_json="{}"
)


@pytest.fixture
def job(store: JobStore) -> JobRecord:
    submit(store, "job_1")
    claimed = claim(store, "claim-1")
    assert claimed is not None
    return claimed


def test_renewal_returns_each_jobs_fence_result_in_order(store: JobStore) -> None:
    for number in range(3):
        submit(store, f"job_{number}")
    mine = [claim_ref(claim(store, f"claim-{number}")) for number in range(3)]
    store.call(commands.cancel("ada", "job_1"))
    store.call(commands.finish(mine[2], SUCCEEDED))
    verdicts = store.call(
        commands.renew([*mine, ClaimRef("job_0", "strange"), ClaimRef("nothing", "claim-0")], LEASE_MS)
    )
    assert verdicts == (FenceResult.HELD, FenceResult.CANCELING, FenceResult.LOST, FenceResult.LOST, FenceResult.LOST)
    assert store.call(commands.renew([], LEASE_MS)) == ()


def test_a_renewed_lease_lasts(backend: StoreBackend) -> None:
    submit(backend.store, "job_1")
    backend.store.call(commands.sweep(LEASE_MS, 100))
    mine = claim_ref(claim(backend.store))
    for _ in range(3):
        backend.advance(LEASE_MS - 5_000)
        assert backend.store.call(commands.renew([mine], LEASE_MS)) == (FenceResult.HELD,)
        backend.store.call(commands.sweep(LEASE_MS, 100))
    assert get_job(backend.store, "job_1").status is Status.RUNNING


def test_a_late_renewal_succeeds_if_no_other_claim_has_the_job(backend: StoreBackend) -> None:
    submit(backend.store, "job_1")
    backend.store.call(commands.sweep(LEASE_MS, 100))
    mine = claim_ref(claim(backend.store))
    backend.advance(LEASE_MS - 1_000)
    backend.store.call(commands.sweep(LEASE_MS, 100))
    backend.advance(2_000)
    assert backend.store.call(commands.renew([mine], LEASE_MS)) == (FenceResult.HELD,)
    backend.store.call(commands.sweep(LEASE_MS, 100))
    assert get_job(backend.store, "job_1").status is Status.RUNNING


def test_a_renewal_is_no_change(store: JobStore, job: JobRecord) -> None:
    store.call(commands.renew([claim_ref(job)], LEASE_MS))
    assert get_job(store, "job_1") == job


def test_updates_are_written_and_counted_once(store: JobStore, job: JobRecord) -> None:
    assert store.call(commands.progress(claim_ref(job), UPDATE)).fence is FenceResult.HELD
    assert store.call(commands.progress(claim_ref(job), UPDATE)).fence is FenceResult.HELD
    assert (
        store.call(commands.progress(claim_ref(job), JobUpdate(progress_json='{"step": 4}'))).fence is FenceResult.HELD
    )
    now = get_job(store, "job_1")
    assert (now.stage, now.progress_json, now.outputs_json) == ("denoising", '{"step": 4}', "[1]")
    assert now.version == job.version + 2


def test_updates_of_a_canceling_job_are_written(store: JobStore, job: JobRecord) -> None:
    store.call(commands.cancel("ada", "job_1"))
    assert store.call(commands.progress(claim_ref(job), UPDATE)).fence is FenceResult.CANCELING
    assert get_job(store, "job_1").outputs_json == "[1]"


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.FAILED])
def test_a_job_ends_once_with_its_last_update(store: JobStore, job: JobRecord, status: Status) -> None:
    outcome = Outcome(status, error_json='{"code": "internal"}' if status is Status.FAILED else None, update=UPDATE)
    first = store.call(commands.finish(claim_ref(job), outcome))
    assert first.accepted
    ended = first.record
    assert ended == get_job(store, "job_1")
    assert (ended.status, ended.outputs_json, ended.error_json) == (status, "[1]", outcome.error_json)
    assert ended.grid_json == "{}"
    assert (ended.stage, ended.claim_id, ended.worker) == (None, "claim-1", "worker")
    assert ended.completed_ms is not None
    assert store.call(commands.finish(claim_ref(job), outcome)) == first


def test_a_second_outcome_of_the_same_claim_changes_nothing(store: JobStore, job: JobRecord) -> None:
    first = store.call(commands.finish(claim_ref(job), SUCCEEDED))
    assert store.call(commands.finish(claim_ref(job), FAILED)) == first


def test_finishing_a_canceling_job_cancels_it_and_keeps_its_outputs(store: JobStore, job: JobRecord) -> None:
    store.call(commands.cancel("ada", "job_1"))
    finished = store.call(commands.finish(claim_ref(job), Outcome(Status.FAILED, error_json="{}", update=UPDATE)))
    assert finished.accepted
    assert (finished.record.status, finished.record.outputs_json) == (Status.CANCELED, "[1]")
    assert finished.record.error_json is None


def test_a_worker_cannot_cancel_without_a_request(store: JobStore, job: JobRecord) -> None:
    refused = store.call(commands.finish(claim_ref(job), CANCELED))
    assert (refused.accepted, refused.record) == (False, job)
    assert store.call(commands.finish(claim_ref(job), SUCCEEDED)).accepted


def test_a_job_that_is_handed_back_is_queued_as_if_nothing_had_been_done(store: JobStore, job: JobRecord) -> None:
    store.call(commands.progress(claim_ref(job), UPDATE))
    assert store.call(commands.requeue(claim_ref(job))) is FenceResult.HELD
    back = get_job(store, "job_1")
    assert (back.status, back.attempt, back.lost_leases, back.quarantined) == (Status.QUEUED, 1, 0, False)
    assert (back.claim_id, back.worker, back.stage, back.progress_json, back.outputs_json) == (None,) * 5
    assert back.grid_json is None
    assert back.version == job.version + 2


def test_a_repeated_requeue_answers_the_same_even_when_another_worker_has_the_job(
    store: JobStore, job: JobRecord
) -> None:
    assert store.call(commands.requeue(claim_ref(job))) is FenceResult.HELD
    assert store.call(commands.requeue(claim_ref(job))) is FenceResult.HELD
    other = claim(store, "claim-2")
    assert store.call(commands.requeue(claim_ref(job))) is FenceResult.HELD
    assert get_job(store, "job_1") == other


def test_handing_back_a_canceling_job_cancels_it(store: JobStore, job: JobRecord) -> None:
    store.call(commands.cancel("ada", "job_1"))
    assert store.call(commands.requeue(claim_ref(job))) is FenceResult.CANCELING
    assert store.call(commands.requeue(claim_ref(job))) is FenceResult.CANCELING
    assert get_job(store, "job_1").status is Status.CANCELED


def test_an_old_claim_cannot_change_a_job_that_another_worker_has(store: JobStore, job: JobRecord) -> None:
    old = claim_ref(job)
    store.call(commands.requeue(old))
    current = claim(store, "claim-2")
    assert store.call(commands.renew([old], LEASE_MS)) == (FenceResult.LOST,)
    assert store.call(commands.progress(old, UPDATE)).fence is FenceResult.LOST
    refused = store.call(commands.finish(old, SUCCEEDED))
    assert (refused.accepted, refused.record) == (False, current)
    assert get_job(store, "job_1") == current
    assert store.call(commands.finish(claim_ref(current), SUCCEEDED)).accepted


def test_an_old_claim_can_do_nothing_to_a_job_that_is_queued_again(store: JobStore, job: JobRecord) -> None:
    store.call(commands.requeue(claim_ref(job)))
    queued = get_job(store, "job_1")
    assert store.call(commands.progress(claim_ref(job), UPDATE)).fence is FenceResult.LOST
    assert not store.call(commands.finish(claim_ref(job), SUCCEEDED)).accepted
    assert get_job(store, "job_1") == queued


def test_a_finished_job_cannot_be_touched_by_its_own_claim(store: JobStore, job: JobRecord) -> None:
    ended = store.call(commands.finish(claim_ref(job), SUCCEEDED)).record
    assert store.call(commands.progress(claim_ref(job), UPDATE)).fence is FenceResult.LOST
    assert store.call(commands.renew([claim_ref(job)], LEASE_MS)) == (FenceResult.LOST,)
    assert store.call(commands.requeue(claim_ref(job))) is FenceResult.LOST
    assert get_job(store, "job_1") == ended


def test_no_claim_holds_what_does_not_exist(store: JobStore) -> None:
    nothing = ClaimRef("job_1", "claim-1")
    assert store.call(commands.progress(nothing, UPDATE)).fence is FenceResult.LOST
    assert store.call(commands.requeue(nothing)) is FenceResult.LOST
    finished = store.call(commands.finish(nothing, SUCCEEDED))
    assert (finished.accepted, finished.record) == (False, None)
