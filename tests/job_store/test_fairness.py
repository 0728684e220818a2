"""Fairness: sharing of a model's device time between tenants."""

from collections import Counter

from renderq.contract import Status
from renderq_shared.jobs import JobStore, Outcome, commands
from tests.job_store.factories import claim, claim_ref, claimed_job_ids, jobs_ahead, submit
from tests.job_store.store_backends import StoreBackend


def submit_many(store: JobStore, tenant: str, count: int, **fields: object) -> None:
    for number in range(count):
        submit(store, f"{tenant}_{number:03}", tenant, **fields)


def shares(job_ids: list[str]) -> Counter[str]:
    return Counter(job_id.split("_")[0] for job_id in job_ids)


def test_equal_tenants_take_turns_however_much_one_has_queued(store: JobStore) -> None:
    submit_many(store, "ada", 20)
    submit_many(store, "bob", 4)
    assert shares(claimed_job_ids(store, 8)) == {"ada": 4, "bob": 4}


def test_equal_tenants_take_turns_in_order_of_arrival(store: JobStore) -> None:
    """So a place in the queue gets no worse when others who have had as much submit their next jobs."""
    tenants = ["dora", "ada", "carl", "bob"]
    for turn in range(3):
        for tenant in tenants:
            submit(store, f"{tenant}_{turn}", tenant)
        jobs = [job for tenant in tenants if (job := claim(store, f"{tenant}-{turn}"))]
        assert [job.id for job in jobs] == [f"{tenant}_{turn}" for tenant in tenants]
        tenants.reverse()


def test_turns_are_weighed_by_cost(store: JobStore) -> None:
    submit_many(store, "ada", 20, cost=4.0)
    submit_many(store, "bob", 20, cost=1.0)
    assert shares(claimed_job_ids(store, 15)) == {"ada": 3, "bob": 12}


def test_priority_counts_within_a_tenant_and_not_between_tenants(store: JobStore) -> None:
    submit_many(store, "ada", 10, priority=10)
    submit_many(store, "bob", 10, priority=-10)
    assert shares(claimed_job_ids(store, 10)) == {"ada": 5, "bob": 5}


def test_a_late_tenant_neither_waits_for_the_others_past_nor_catches_up_on_it(store: JobStore) -> None:
    submit_many(store, "ada", 40)
    claimed_job_ids(store, 20)
    submit_many(store, "bob", 40)
    claimed = [claim(store, f"late-{number}") for number in range(10)]
    assert shares([job.id for job in claimed if job]) == {"ada": 5, "bob": 5}


def test_who_returns_after_a_pause_has_saved_nothing_up(store: JobStore) -> None:
    submit_many(store, "bob", 1)
    submit_many(store, "ada", 40)
    claimed_job_ids(store, 21)
    for number in range(10):
        submit(store, f"bob_again_{number}", "bob")
    claimed = [claim(store, f"late-{number}") for number in range(10)]
    assert shares([job.id for job in claimed if job])["bob"] <= 6


def test_who_leaves_and_returns_at_once_does_not_escape_what_it_was_charged(store: JobStore) -> None:
    submit(store, "ada_big", "ada", cost=5.0)
    submit_many(store, "bob", 10)
    assert claim(store, "claim-ada").id == "ada_big"
    submit(store, "ada_next", "ada")
    claimed = [claim(store, f"late-{number}") for number in range(5)]
    assert shares([job.id for job in claimed if job]) == {"bob": 5}


def test_the_measured_cost_replaces_the_estimate(store: JobStore) -> None:
    submit_many(store, "ada", 20, cost=1.0)
    submit_many(store, "bob", 20, cost=1.0)
    claimed: list[str] = []
    for number in range(15):
        job = claim(store, f"claim-{number}")
        assert job is not None
        claimed.append(job.id)
        measured = 4.0 if job.tenant == "ada" else 1.0
        store.call(commands.finish(claim_ref(job), Outcome(Status.SUCCEEDED, cost=measured)))
    assert shares(claimed) == {"ada": 3, "bob": 12}


def test_an_overestimate_is_given_back(store: JobStore) -> None:
    submit_many(store, "ada", 20, cost=10.0)
    submit_many(store, "bob", 20, cost=1.0)
    claimed: list[str] = []
    for number in range(10):
        job = claim(store, f"claim-{number}")
        assert job is not None
        claimed.append(job.id)
        store.call(commands.finish(claim_ref(job), Outcome(Status.SUCCEEDED, cost=1.0)))
    assert shares(claimed) == {"ada": 5, "bob": 5}


def test_a_job_that_is_handed_back_is_not_charged_and_keeps_its_place(store: JobStore) -> None:
    submit_many(store, "ada", 3)
    submit_many(store, "bob", 3)
    job = claim(store, "handed-back")
    assert job is not None
    assert job.id == "ada_000"
    store.call(commands.requeue(claim_ref(job)))
    assert claimed_job_ids(store, 4) == ["ada_000", "bob_000", "ada_001", "bob_001"]


def test_a_refund_does_not_let_a_tenant_catch_up(store: JobStore) -> None:
    submit(store, "ada_big", "ada", cost=100.0)
    big = claim(store, "claim-big")
    submit_many(store, "bob", 40)
    claimed_job_ids(store, 20)
    submit_many(store, "ada", 20)
    store.call(commands.requeue(claim_ref(big)))
    store.call(commands.cancel("ada", "ada_big"))
    claimed = [claim(store, f"late-{number}") for number in range(10)]
    assert shares([job.id for job in claimed if job])["bob"] >= 4


def test_models_are_shared_independently(backend: StoreBackend) -> None:
    store = backend.store
    submit_many(store, "ada", 20, model="other", cost=100.0)
    submit(store, "ada_here", "ada")
    submit_many(store, "bob", 5)
    assert claimed_job_ids(store, 1) == ["ada_here"]


def test_backlogged_tenants_are_served_by_weight_within_one_job(store: JobStore) -> None:
    submit_many(store, "ada", 20, weight=3.0, cost=2.0)
    submit_many(store, "bob", 20, weight=1.0, cost=1.0)
    work = Counter[str]()
    for number in range(20):
        job = claim(store, f"claim-{number}")
        assert job is not None
        work[job.tenant] += job.cost
        assert abs(work["ada"] / 3 - work["bob"]) <= 2 / 3 + 1
    assert work == {"ada": 24.0, "bob": 8.0}


def test_what_is_measured_and_what_is_given_back_are_weighed_too(store: JobStore) -> None:
    submit_many(store, "ada", 20, weight=2.0)
    submit_many(store, "bob", 20)
    claimed: list[str] = []
    for number in range(10):
        store.call(commands.requeue(claim_ref(claim(store, f"handed-back-{number}"))))
        job = claim(store, f"claim-{number}")
        assert job is not None
        claimed.append(job.id)
        store.call(commands.finish(claim_ref(job), Outcome(Status.SUCCEEDED, cost=4.0 if job.tenant == "ada" else 2.0)))
    assert shares(claimed) == {"ada": 5, "bob": 5}


def test_a_new_weight_holds_for_all_that_waits(store: JobStore) -> None:
    submit_many(store, "ada", 20)
    submit_many(store, "bob", 20)
    submit(store, "ada_last", "ada", weight=3.0)
    assert shares(claimed_job_ids(store, 12)) == {"ada": 9, "bob": 3}
    submit(store, "ada_very_last", "ada")
    claimed = [claim(store, f"late-{number}") for number in range(8)]
    assert shares([job.id for job in claimed if job]) == {"ada": 4, "bob": 4}


def test_the_queue_position_reflects_weights(store: JobStore) -> None:
    submit_many(store, "ada", 8, weight=2.0)
    submit_many(store, "bob", 8)
    waiting = [(tenant, f"{tenant}_{number:03}") for tenant in ("ada", "bob") for number in range(8)]
    positions = {job_id: jobs_ahead(store, job_id, tenant) for tenant, job_id in waiting}
    assert positions == {job_id: position for position, job_id in enumerate(claimed_job_ids(store, 16))}
