"""What becomes of jobs that nobody speaks for."""

import pytest

from renderq.contract import Status
from renderq_shared.jobs import JobStore, JobUpdate, Verdict
from renderq_shared.jobs.failures import DEADLINE_EXCEEDED_JSON, WORKER_LOST_JSON
from tests.contract.building import LEASE_MS, SUCCEEDED, claim, held, read, submit, worker
from tests.contract.worlds import World


def sweep(store: JobStore, limit: int = 100):
    return store.sweep(LEASE_MS, limit)


def let_leases_end(world: World) -> None:
    """A lease's time passes, and somebody sweeps all the while."""
    sweep(world.store)
    world.later(LEASE_MS - 1_000)
    sweep(world.store)
    world.later(1_001)


def test_a_lost_job_is_queued_again_at_its_old_place(world: World) -> None:
    store = world.store
    sweep(store)
    submit(store, "job_1")
    submit(store, "job_2")
    lost = claim(store, "claim-1")
    store.progress(held(lost), JobUpdate(stage="denoising", outputs_json="[1]"))
    let_leases_end(world)
    sweep(store)
    back = read(store, "job_1")
    assert (back.status, back.losses, back.suspect, back.attempt) == (Status.QUEUED, 1, True, 1)
    assert (back.claim_id, back.worker, back.stage, back.outputs_json) == (None,) * 4
    assert claim(store, "claim-2").id == "job_1"


def test_who_lost_the_lease_can_write_nothing_more(world: World) -> None:
    store = world.store
    sweep(store)
    submit(store, "job_1")
    old = held(claim(store, "claim-1"))
    let_leases_end(world)
    sweep(store)
    current = claim(store, "claim-2")
    assert store.progress(old, JobUpdate(stage="decoding")).verdict is Verdict.LOST
    assert not store.finish(old, SUCCEEDED).accepted
    assert store.requeue(old) is Verdict.LOST
    assert read(store, "job_1") == current


def test_after_as_many_losses_as_attempts_the_job_fails(world: World) -> None:
    store = world.store
    sweep(store)
    submit(store, "job_1", attempts_max=2)
    for attempt in ("claim-1", "claim-2"):
        claim(store, attempt)
        let_leases_end(world)
        sweep(store)
    failed = read(store, "job_1")
    assert (failed.status, failed.losses, failed.attempt) == (Status.FAILED, 2, 2)
    assert failed.error_json == WORKER_LOST_JSON
    assert claim(store, "claim-3") is None


def test_hand_backs_are_not_losses(store: JobStore) -> None:
    submit(store, "job_1", attempts_max=1)
    for number in range(5):
        assert store.requeue(held(claim(store, f"claim-{number}"))) is Verdict.HELD
    assert (read(store, "job_1").losses, read(store, "job_1").attempt) == (0, 5)


def test_a_job_that_is_lost_while_canceling_is_canceled(world: World) -> None:
    store = world.store
    sweep(store)
    submit(store, "job_1")
    mine = held(claim(store))
    store.progress(mine, JobUpdate(outputs_json="[1]"))
    store.cancel("ada", "job_1")
    let_leases_end(world)
    sweep(store)
    ended = read(store, "job_1")
    assert (ended.status, ended.losses, ended.outputs_json) == (Status.CANCELED, 0, "[1]")
    late = store.finish(mine, SUCCEEDED)
    assert (late.accepted, late.record) == (False, ended)


def test_the_first_sweep_judges_no_lease(world: World) -> None:
    store = world.store
    submit(store, "job_1")
    claim(store)
    world.later(10 * LEASE_MS)
    sweep(store)
    assert read(store, "job_1").status is Status.RUNNING


def test_after_an_outage_every_lease_gets_one_more_lease(world: World) -> None:
    store = world.store
    sweep(store)
    submit(store, "job_1")
    mine = held(claim(store))
    world.later(LEASE_MS + 1_000)
    sweep(store)
    assert read(store, "job_1").status is Status.RUNNING
    assert store.renew([mine], LEASE_MS) == (Verdict.HELD,)


def test_one_outage_extends_leases_only_once(world: World) -> None:
    store = world.store
    sweep(store)
    submit(store, "job_1")
    claim(store)
    world.later(LEASE_MS + 1_000)
    sweep(store)
    let_leases_end(world)
    sweep(store)
    assert read(store, "job_1").status is Status.QUEUED


def test_an_outage_shortens_no_lease(world: World) -> None:
    store = world.store
    sweep(store)
    submit(store, "job_1")
    claim(store, lease_ms=10 * LEASE_MS)
    world.later(LEASE_MS + 1_000)
    sweep(store)
    let_leases_end(world)
    sweep(store)
    assert read(store, "job_1").status is Status.RUNNING


def test_a_queued_job_expires_at_its_deadline(world: World) -> None:
    store = world.store
    submit(store, "job_1", deadline_ms=30_000)
    world.later(29_000)
    sweep(store)
    assert read(store, "job_1").status is Status.QUEUED
    world.later(1_000)
    sweep(store)
    ended = read(store, "job_1")
    assert (ended.status, ended.error_json) == (Status.EXPIRED, None)
    assert ended.completed_ms is not None
    assert store.queues() == ()


def test_a_running_job_fails_at_its_deadline_and_its_worker_meets_lost(world: World) -> None:
    store = world.store
    submit(store, "job_1", deadline_ms=10_000)
    mine = held(claim(store))
    world.later(10_000)
    sweep(store)
    ended = read(store, "job_1")
    assert (ended.status, ended.error_json) == (Status.FAILED, DEADLINE_EXCEEDED_JSON)
    assert ended.claim_id == mine.claim_id
    assert store.renew([mine], LEASE_MS) == (Verdict.LOST,)
    late = store.finish(mine, SUCCEEDED)
    assert (late.accepted, late.record) == (False, ended)


def test_a_job_that_went_back_still_has_its_deadline(world: World) -> None:
    store = world.store
    submit(store, "job_1", deadline_ms=10_000)
    store.requeue(held(claim(store)))
    world.later(10_000)
    sweep(store)
    assert read(store, "job_1").status is Status.EXPIRED


def test_a_canceling_job_ends_as_canceled_whatever_its_deadline(world: World) -> None:
    store = world.store
    submit(store, "job_1", deadline_ms=10_000)
    mine = held(claim(store))
    store.cancel("ada", "job_1")
    world.later(10_000)
    sweep(store)
    assert read(store, "job_1").status is Status.CANCELING
    assert store.finish(mine, SUCCEEDED).record.status is Status.CANCELED


def test_deadlines_are_kept_even_after_an_outage(world: World) -> None:
    store = world.store
    submit(store, "job_1", deadline_ms=1_000)
    world.later(100 * LEASE_MS)
    sweep(store)
    assert read(store, "job_1").status is Status.EXPIRED


def test_a_job_past_deadline_and_lease_ends_once(world: World) -> None:
    store = world.store
    sweep(store)
    submit(store, "job_1", deadline_ms=LEASE_MS)
    taken = claim(store)
    let_leases_end(world)
    sweep(store)
    ended = read(store, "job_1")
    assert (ended.status, ended.version) == (Status.FAILED, taken.version + 1)


def test_a_sweep_reports_what_it_did(faithful_world: World) -> None:
    store = faithful_world.store
    sweep(store)
    for number, fields in enumerate(
        ({}, {"attempts_max": 1}, {}, {"deadline_ms": LEASE_MS}, {"deadline_ms": LEASE_MS, "priority": -1})
    ):
        submit(store, f"job_{number}", **fields)
    for number in range(4):
        claim(store, f"claim-{number}")
    store.cancel("ada", "job_2")
    let_leases_end(faithful_world)
    swept = sweep(store)
    assert (swept.requeued, swept.lost, swept.canceled) == (("job_0",), ("job_1",), ("job_2",))
    assert (swept.overdue, swept.expired) == (("job_3",), ("job_4",))
    assert (swept.extended, swept.more) == (0, False)
    assert sweep(store).requeued == ()


def test_a_sweep_reports_the_leases_that_it_extended(faithful_world: World) -> None:
    store = faithful_world.store
    for number in range(3):
        submit(store, f"job_{number}")
        claim(store, f"claim-{number}", lease_ms=LEASE_MS * (100 if number == 0 else 1))
    faithful_world.later(1_000)
    assert sweep(store).extended == 2
    assert sweep(store).extended == 0


def test_a_sweep_is_bounded_and_asks_for_another(faithful_world: World) -> None:
    store = faithful_world.store
    sweep(store)
    for number in range(5):
        submit(store, f"lost_{number}")
        claim(store, f"claim-{number}")
    for number in range(5):
        submit(store, f"late_{number}", deadline_ms=LEASE_MS)
    let_leases_end(faithful_world)
    reports = [sweep(store, limit=2) for _ in range(3)]
    assert [len(swept.requeued) for swept in reports] == [2, 2, 1]
    assert [len(swept.expired) for swept in reports] == [2, 2, 1]
    assert [swept.more for swept in reports] == [True, True, False]


@pytest.mark.parametrize("look", ["queues", "sweep"])
def test_every_model_with_queued_jobs_is_listed(world: World, look: str) -> None:
    store = world.store
    submit(store, "job_1")
    submit(store, "job_2", "bob")
    submit(store, "job_3", model="other")
    submit(store, "job_4", model="gone")
    store.cancel("ada", "job_4")
    store.register(worker("w1", "shapes"), 30_000)
    world.wake("shapes")
    world.later(5_000)
    queues = store.queues() if look == "queues" else sweep(store).queues
    assert [(queue.model, queue.queued, queue.wake_length, queue.served) for queue in queues] == [
        ("other", 1, 0, False),
        ("shapes", 2, 1, True),
    ]
    assert all(5_000 <= queue.oldest_age_ms < 60_000 for queue in queues)
