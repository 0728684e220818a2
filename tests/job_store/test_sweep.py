"""Sweep: lost leases and deadlines."""

import pytest

from renderq.contract import Status
from renderq_shared.jobs import FenceResult, JobStore, JobUpdate, commands
from renderq_shared.jobs.terminal_errors import DEADLINE_EXCEEDED_JSON, WORKER_LOST_JSON
from tests.job_store.factories import LEASE_MS, SUCCEEDED, claim, claim_ref, get_job, submit, worker_record
from tests.job_store.leases import let_leases_end
from tests.job_store.store_backends import StoreBackend


def sweep(store: JobStore, limit: int = 100):
    return store.call(commands.sweep(LEASE_MS, limit))


def start(store: JobStore, claim_id: str) -> None:
    """Claim the next job and report that its rendering has started."""
    store.call(commands.progress(claim_ref(claim(store, claim_id)), JobUpdate(stage="encoding")))


def test_a_lost_job_is_queued_again_at_its_old_place(backend: StoreBackend) -> None:
    store = backend.store
    sweep(store)
    submit(store, "job_1")
    submit(store, "job_2")
    lost = claim(store, "claim-1")
    store.call(commands.progress(claim_ref(lost), JobUpdate(stage="denoising", outputs_json="[1]")))
    let_leases_end(backend)
    sweep(store)
    back = get_job(store, "job_1")
    assert (back.status, back.lost_leases, back.quarantined, back.attempt) == (Status.QUEUED, 1, True, 1)
    assert (back.claim_id, back.worker, back.stage, back.outputs_json) == (None,) * 4
    assert claim(store, "claim-2").id == "job_1"


def test_who_lost_the_lease_can_write_nothing_more(backend: StoreBackend) -> None:
    store = backend.store
    sweep(store)
    submit(store, "job_1")
    old = claim_ref(claim(store, "claim-1"))
    let_leases_end(backend)
    sweep(store)
    current = claim(store, "claim-2")
    assert store.call(commands.progress(old, JobUpdate(stage="decoding"))).fence is FenceResult.LOST
    assert not store.call(commands.finish(old, SUCCEEDED)).accepted
    assert store.call(commands.requeue(old)) is FenceResult.LOST
    assert get_job(store, "job_1") == current


def test_after_as_many_lost_leases_as_attempts_the_job_fails(backend: StoreBackend) -> None:
    store = backend.store
    sweep(store)
    submit(store, "job_1", max_attempts=2)
    for attempt in ("claim-1", "claim-2"):
        start(store, attempt)
        let_leases_end(backend)
        sweep(store)
    failed = get_job(store, "job_1")
    assert (failed.status, failed.lost_leases, failed.attempt) == (Status.FAILED, 2, 2)
    assert failed.error_json == WORKER_LOST_JSON
    assert claim(store, "claim-3") is None


def test_a_job_that_was_lost_before_it_started_returns_as_it_was(backend: StoreBackend) -> None:
    store = backend.store
    sweep(store)
    submit(store, "job_1", max_attempts=3)
    for number in range(3):
        claim(store, f"claim-{number}")
        let_leases_end(backend)
        assert sweep(store).requeued == ("job_1",)
        back = get_job(store, "job_1")
        assert (back.status, back.lost_leases, back.quarantined) == (Status.QUEUED, 0, False)


def test_a_job_that_is_lost_before_its_start_again_and_again_is_suspected(backend: StoreBackend) -> None:
    """It may end its workers before they report the start."""
    store = backend.store
    sweep(store)
    submit(store, "job_1", max_attempts=2)
    outcomes: list[tuple[Status, int]] = []
    for number in range(4):
        claim(store, f"claim-{number}")
        let_leases_end(backend)
        sweep(store)
        job = get_job(store, "job_1")
        outcomes.append((job.status, job.lost_leases))
    assert outcomes == [(Status.QUEUED, 0), (Status.QUEUED, 0), (Status.QUEUED, 1), (Status.FAILED, 2)]


def test_hand_backs_are_not_lost_leases(store: JobStore) -> None:
    submit(store, "job_1", max_attempts=1)
    for number in range(5):
        assert store.call(commands.requeue(claim_ref(claim(store, f"claim-{number}")))) is FenceResult.HELD
    assert (get_job(store, "job_1").lost_leases, get_job(store, "job_1").attempt) == (0, 5)


def test_a_job_that_is_lost_while_canceling_is_canceled(backend: StoreBackend) -> None:
    store = backend.store
    sweep(store)
    submit(store, "job_1")
    mine = claim_ref(claim(store))
    store.call(commands.progress(mine, JobUpdate(outputs_json="[1]")))
    store.call(commands.cancel("ada", "job_1"))
    let_leases_end(backend)
    sweep(store)
    ended = get_job(store, "job_1")
    assert (ended.status, ended.lost_leases, ended.outputs_json) == (Status.CANCELED, 0, "[1]")
    late = store.call(commands.finish(mine, SUCCEEDED))
    assert (late.accepted, late.record) == (False, ended)


def test_the_first_sweep_judges_no_lease(backend: StoreBackend) -> None:
    store = backend.store
    submit(store, "job_1")
    claim(store)
    backend.advance(10 * LEASE_MS)
    sweep(store)
    assert get_job(store, "job_1").status is Status.RUNNING


def test_after_an_outage_every_lease_gets_one_more_lease(backend: StoreBackend) -> None:
    store = backend.store
    sweep(store)
    submit(store, "job_1")
    mine = claim_ref(claim(store))
    backend.advance(LEASE_MS + 1_000)
    sweep(store)
    assert get_job(store, "job_1").status is Status.RUNNING
    assert store.call(commands.renew([mine], LEASE_MS)) == (FenceResult.HELD,)


def test_an_outage_shorter_than_a_lease_costs_no_attempt(backend: StoreBackend) -> None:
    """The last renewal before it may be a third of a lease old."""
    store = backend.store
    sweep(store)
    submit(store, "job_1")
    start(store, "claim-1")
    backend.advance(LEASE_MS // 3)
    sweep(store)
    backend.advance(LEASE_MS * 7 // 10)
    sweep(store)
    assert (get_job(store, "job_1").status, get_job(store, "job_1").attempt) == (Status.RUNNING, 1)


def test_one_outage_extends_leases_only_once(backend: StoreBackend) -> None:
    store = backend.store
    sweep(store)
    submit(store, "job_1")
    claim(store)
    backend.advance(LEASE_MS + 1_000)
    sweep(store)
    let_leases_end(backend)
    sweep(store)
    assert get_job(store, "job_1").status is Status.QUEUED


def test_an_outage_shortens_no_lease(backend: StoreBackend) -> None:
    store = backend.store
    sweep(store)
    submit(store, "job_1")
    claim(store, lease_ms=10 * LEASE_MS)
    backend.advance(LEASE_MS + 1_000)
    sweep(store)
    let_leases_end(backend)
    sweep(store)
    assert get_job(store, "job_1").status is Status.RUNNING


def test_a_queued_job_expires_at_its_deadline(backend: StoreBackend) -> None:
    store = backend.store
    submit(store, "job_1", deadline_ms=30_000)
    backend.advance(29_000)
    sweep(store)
    assert get_job(store, "job_1").status is Status.QUEUED
    backend.advance(1_000)
    sweep(store)
    ended = get_job(store, "job_1")
    assert (ended.status, ended.error_json) == (Status.EXPIRED, None)
    assert ended.completed_ms is not None
    assert store.call(commands.queues()) == ()


def test_a_running_job_fails_at_its_deadline_and_its_worker_meets_lost(backend: StoreBackend) -> None:
    store = backend.store
    submit(store, "job_1", deadline_ms=10_000)
    mine = claim_ref(claim(store))
    backend.advance(10_000)
    sweep(store)
    ended = get_job(store, "job_1")
    assert (ended.status, ended.error_json) == (Status.FAILED, DEADLINE_EXCEEDED_JSON)
    assert ended.claim_id == mine.claim_id
    assert store.call(commands.renew([mine], LEASE_MS)) == (FenceResult.LOST,)
    late = store.call(commands.finish(mine, SUCCEEDED))
    assert (late.accepted, late.record) == (False, ended)


def test_a_job_that_went_back_still_has_its_deadline(backend: StoreBackend) -> None:
    store = backend.store
    submit(store, "job_1", deadline_ms=10_000)
    store.call(commands.requeue(claim_ref(claim(store))))
    backend.advance(10_000)
    sweep(store)
    assert get_job(store, "job_1").status is Status.EXPIRED


def test_a_canceling_job_ends_as_canceled_whatever_its_deadline(backend: StoreBackend) -> None:
    store = backend.store
    submit(store, "job_1", deadline_ms=10_000)
    mine = claim_ref(claim(store))
    store.call(commands.cancel("ada", "job_1"))
    backend.advance(10_000)
    sweep(store)
    assert get_job(store, "job_1").status is Status.CANCELING
    assert store.call(commands.finish(mine, SUCCEEDED)).record.status is Status.CANCELED


def test_deadlines_are_kept_even_after_an_outage(backend: StoreBackend) -> None:
    store = backend.store
    submit(store, "job_1", deadline_ms=1_000)
    backend.advance(100 * LEASE_MS)
    sweep(store)
    assert get_job(store, "job_1").status is Status.EXPIRED


def test_a_job_past_deadline_and_lease_ends_once(backend: StoreBackend) -> None:
    store = backend.store
    sweep(store)
    submit(store, "job_1", deadline_ms=LEASE_MS)
    claimed = claim(store)
    let_leases_end(backend)
    sweep(store)
    ended = get_job(store, "job_1")
    assert (ended.status, ended.version) == (Status.FAILED, claimed.version + 1)


def test_a_sweep_reports_what_it_did(reliable_backend: StoreBackend) -> None:
    store = reliable_backend.store
    sweep(store)
    for number, fields in enumerate(
        ({}, {"max_attempts": 1}, {}, {"deadline_ms": LEASE_MS}, {"deadline_ms": LEASE_MS, "priority": -1})
    ):
        submit(store, f"job_{number}", **fields)
    for number in range(4):
        start(store, f"claim-{number}")
    store.call(commands.cancel("ada", "job_2"))
    let_leases_end(reliable_backend)
    swept = sweep(store)
    assert (swept.requeued, swept.lost, swept.canceled) == (("job_0",), ("job_1",), ("job_2",))
    assert (swept.deadline_exceeded, swept.expired) == (("job_3",), ("job_4",))
    assert (swept.extended, swept.more) == (0, False)
    assert sweep(store).requeued == ()


def test_a_sweep_reports_the_leases_that_it_extended(reliable_backend: StoreBackend) -> None:
    store = reliable_backend.store
    for number in range(3):
        submit(store, f"job_{number}")
        claim(store, f"claim-{number}", lease_ms=LEASE_MS * (100 if number == 0 else 1))
    reliable_backend.advance(1_000)
    assert sweep(store).extended == 2
    assert sweep(store).extended == 0


def test_a_sweep_is_bounded_and_asks_for_another(reliable_backend: StoreBackend) -> None:
    store = reliable_backend.store
    sweep(store)
    for number in range(5):
        submit(store, f"lost_{number}")
        claim(store, f"claim-{number}")
    for number in range(5):
        submit(store, f"late_{number}", deadline_ms=LEASE_MS)
    let_leases_end(reliable_backend)
    reports = [sweep(store, limit=2) for _ in range(3)]
    assert [len(swept.requeued) for swept in reports] == [2, 2, 1]
    assert [len(swept.expired) for swept in reports] == [2, 2, 1]
    assert [swept.more for swept in reports] == [True, True, False]


@pytest.mark.parametrize("look", ["queues", "sweep"])
def test_every_model_with_queued_jobs_is_listed(backend: StoreBackend, look: str) -> None:
    store = backend.store
    submit(store, "job_1")
    submit(store, "job_2", "bob")
    submit(store, "job_3", model="other")
    submit(store, "job_4", model="gone")
    store.call(commands.cancel("ada", "job_4"))
    store.call(commands.register(worker_record("w1", "shapes"), 30_000))
    backend.add_wakeup("shapes")
    backend.advance(5_000)
    queues = store.call(commands.queues()) if look == "queues" else sweep(store).queues
    assert [(queue.model, queue.queued, queue.pending_wakeups, queue.has_worker) for queue in queues] == [
        ("other", 1, 0, False),
        ("shapes", 2, 1, True),
    ]
    assert all(5_000 <= queue.oldest_age_ms < 60_000 for queue in queues)


def test_each_end_is_reported_by_one_sweep_unless_a_worker_finished_the_job(reliable_backend: StoreBackend) -> None:
    store = reliable_backend.store
    sweep(store)
    submit(store, "job_canceled")
    store.call(commands.cancel("ada", "job_canceled"))
    submit(store, "job_expired", deadline_ms=1_000)
    reliable_backend.advance(2_000)
    submit(store, "job_done")
    done = claim(store, "claim-1")
    assert store.call(commands.finish(claim_ref(done), SUCCEEDED)).accepted
    first = sweep(store).ended
    assert [(job.id, job.tenant, job.model, job.task, job.status) for job in first] == [
        ("job_canceled", "ada", "shapes", "txt2img", Status.CANCELED),
        ("job_expired", "ada", "shapes", "txt2img", Status.EXPIRED),
    ]
    assert (first[0].started_ms, first[0].error_code, first[0].attempt) == (None, None, 0)
    assert first[1].completed_ms - first[1].created_ms >= 1_000
    assert sweep(store).ended == ()


def test_more_ends_than_the_limit_ask_for_another_sweep(reliable_backend: StoreBackend) -> None:
    store = reliable_backend.store
    sweep(store)
    for number in range(3):
        submit(store, f"job_{number}")
        store.call(commands.cancel("ada", f"job_{number}"))
    first, second = sweep(store, limit=2), sweep(store, limit=2)
    assert [job.id for job in (*first.ended, *second.ended)] == ["job_0", "job_1", "job_2"]
    assert (first.more, second.more) == (True, False)


def test_a_lost_lease_is_reported_with_its_consequence(reliable_backend: StoreBackend) -> None:
    store = reliable_backend.store
    sweep(store)
    submit(store, "job_1", max_attempts=2)
    outcomes = []
    for number in range(3):
        job = claim(store, f"claim-{number}")
        if number:
            store.call(commands.progress(claim_ref(job), JobUpdate(stage="encoding")))
        let_leases_end(reliable_backend)
        swept = sweep(store)
        outcomes.append(
            ([(loss.model, loss.quarantined) for loss in swept.lease_losses], [job.id for job in swept.ended])
        )
    assert outcomes == [
        ([("shapes", False)], []),
        ([("shapes", True)], []),
        ([("shapes", False)], ["job_1"]),
    ]
