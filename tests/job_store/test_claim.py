"""Claim: the choice of a worker's next job."""

from renderq.contract import Status
from renderq_shared.jobs import Candidate, JobStore, JobUpdate, commands
from tests.job_store.factories import LEASE_MS, SUCCEEDED, claim, claim_ref, claimed_job_ids, get_job, submit
from tests.job_store.leases import let_leases_end
from tests.job_store.store_backends import StoreBackend

SHAPES, OTHER = Candidate("shapes", resident=True), Candidate("other", resident=True)
COLD_OTHER = Candidate("other", resident=False)


def lose_lease(backend: StoreBackend, job_id: str, claim_id: str = "lost") -> None:
    """Claim the next job and let its lease expire."""
    backend.store.call(commands.sweep(LEASE_MS, 100))
    claimed = claim(backend.store, claim_id)
    assert claimed is not None
    assert claimed.id == job_id
    backend.store.call(commands.progress(claim_ref(claimed), JobUpdate(stage="denoising")))
    let_leases_end(backend)
    backend.store.call(commands.sweep(LEASE_MS, 100))
    assert get_job(backend.store, job_id, claimed.tenant).quarantined


def test_a_claim_makes_the_job_run_under_this_claim(store: JobStore) -> None:
    submit(store, "job_1")
    job = claim(store, "claim-1")
    assert job is not None
    assert job == get_job(store, "job_1")
    assert (job.status, job.attempt, job.version, job.stage) == (Status.RUNNING, 1, 2, None)
    assert (job.claim_id, job.worker) == ("claim-1", "worker")
    assert job.started_ms is not None
    assert job.started_ms >= job.created_ms


def test_nothing_queued_nothing_claimed(store: JobStore) -> None:
    assert claim(store) is None
    submit(store, "job_1", model="other")
    assert claim(store) is None


def test_a_repeated_claim_returns_the_same_job_and_takes_no_other(store: JobStore) -> None:
    submit(store, "job_1")
    submit(store, "job_2")
    first = claim(store, "claim-1")
    assert claim(store, "claim-1") == first
    assert get_job(store, "job_2").status is Status.QUEUED


def test_a_repeated_claim_of_a_job_that_is_to_be_canceled_says_so(store: JobStore) -> None:
    submit(store, "job_1")
    claim(store, "claim-1")
    store.call(commands.cancel("ada", "job_1"))
    again = claim(store, "claim-1")
    assert again is not None
    assert again.status is Status.CANCELING


def test_a_repeated_claim_of_a_job_that_has_ended_returns_nothing_and_takes_nothing(store: JobStore) -> None:
    submit(store, "job_1")
    submit(store, "job_2")
    store.call(commands.finish(claim_ref(claim(store, "claim-1")), SUCCEEDED))
    assert claim(store, "claim-1") is None
    assert get_job(store, "job_2").status is Status.QUEUED


def test_within_a_tenant_priority_comes_first_and_then_acceptance(store: JobStore) -> None:
    for job_id, priority in (("job_1", 0), ("job_2", -10), ("job_3", 10), ("job_4", 0)):
        submit(store, job_id, priority=priority)
    assert claimed_job_ids(store, 4) == ["job_3", "job_1", "job_4", "job_2"]


def test_models_are_asked_in_the_workers_order(store: JobStore) -> None:
    submit(store, "job_1", model="other")
    submit(store, "job_2", model="shapes")
    assert claim(store, "claim-1", SHAPES, OTHER).id == "job_2"
    assert claim(store, "claim-2", SHAPES, OTHER).id == "job_1"


def test_a_cold_model_goes_first_once_its_oldest_job_has_waited_long(backend: StoreBackend) -> None:
    for number in (1, 2):
        submit(backend.store, f"other_{number}", model="other")
        submit(backend.store, f"shapes_{number}", model="shapes")
    assert claim(backend.store, "claim-1", SHAPES, COLD_OTHER, switch_after_ms=10_000).id == "shapes_1"
    backend.advance(10_000)
    assert claim(backend.store, "claim-2", SHAPES, COLD_OTHER, switch_after_ms=10_000).id == "other_1"
    assert claim(backend.store, "claim-3", SHAPES, OTHER, switch_after_ms=10_000).id == "shapes_2"


def test_of_two_cold_models_that_waited_long_the_longer_wait_goes_first(backend: StoreBackend) -> None:
    submit(backend.store, "late", model="late")
    backend.advance(-5_000)
    submit(backend.store, "early", model="early")
    backend.advance(25_000)
    cold = [Candidate(model, resident=False) for model in ("early", "late")]
    assert claim(backend.store, "claim-1", *cold).id == "early"
    assert claim(backend.store, "claim-2", *cold).id == "late"


def test_a_queued_job_past_its_deadline_is_not_started(backend: StoreBackend) -> None:
    submit(backend.store, "job_1", deadline_ms=1_000)
    submit(backend.store, "job_2")
    backend.advance(1_000)
    assert claim(backend.store).id == "job_2"
    assert get_job(backend.store, "job_1").status is Status.EXPIRED


def test_many_jobs_past_their_deadline_delay_a_claim_but_do_not_make_it_long(reliable_backend: StoreBackend) -> None:
    for number in range(40):
        submit(reliable_backend.store, f"late_{number:02}", deadline_ms=1_000)
    submit(reliable_backend.store, "job")
    reliable_backend.advance(1_000)
    assert claim(reliable_backend.store, "claim-1") is None
    assert get_job(reliable_backend.store, "late_39").status is Status.QUEUED
    assert claim(reliable_backend.store, "claim-2").id == "job"


def test_a_quarantined_job_goes_only_to_an_empty_engine(backend: StoreBackend) -> None:
    submit(backend.store, "poison")
    lose_lease(backend, "poison")
    assert claim(backend.store, "claim-1", engine_empty=False) is None
    job = claim(backend.store, "claim-2", engine_empty=True)
    assert job is not None
    assert (job.id, job.quarantined, job.lost_leases, job.attempt) == ("poison", True, 1, 2)


def test_a_quarantined_job_keeps_its_place_and_no_job_passes_it(backend: StoreBackend) -> None:
    submit(backend.store, "poison", "ada")
    lose_lease(backend, "poison")
    submit(backend.store, "ada_2", "ada")
    submit(backend.store, "bob_1", "bob")
    submit(backend.store, "other_1", "bob", model="other")
    assert claim(backend.store, "claim-1", SHAPES, OTHER, engine_empty=False) is None
    assert claim(backend.store, "claim-2", SHAPES, OTHER, engine_empty=True).id == "poison"
    assert claim(backend.store, "claim-3", SHAPES, OTHER, engine_empty=False).id == "bob_1"


def test_a_quarantined_job_that_is_not_next_delays_no_other(backend: StoreBackend) -> None:
    submit(backend.store, "poison", "ada")
    lose_lease(backend, "poison")
    submit(backend.store, "urgent", "ada", priority=5)
    submit(backend.store, "other_1", "ada", model="other")
    assert claim(backend.store, "claim-1", SHAPES, engine_empty=False).id == "urgent"
    assert claim(backend.store, "claim-2", OTHER, SHAPES, engine_empty=False).id == "other_1"
    assert claim(backend.store, "claim-3", OTHER, SHAPES, engine_empty=False) is None


def test_a_quarantined_job_that_is_handed_back_stays_quarantined(backend: StoreBackend) -> None:
    submit(backend.store, "poison")
    lose_lease(backend, "poison")
    backend.store.call(commands.requeue(claim_ref(claim(backend.store, "claim-1"))))
    assert claim(backend.store, "claim-2", engine_empty=False) is None


def test_quarantined_jobs_share_an_engine_with_each_other(backend: StoreBackend) -> None:
    lose_leases(backend, "ada_1", "ada_2", "bob_1", "cy_1")
    submit(backend.store, "dan_1", "dan")
    assert claim(backend.store, "claim-0").quarantined
    shared = [claim(backend.store, f"claim-{n}", engine_empty=False, engine_quarantined=True) for n in range(1, 5)]
    assert sorted(job.id for job in shared if job) == ["ada_2", "bob_1", "cy_1"]
    assert all(job.quarantined and not job.runs_alone for job in shared if job)


def test_a_job_that_is_not_quarantined_does_not_join_those_that_are(backend: StoreBackend) -> None:
    submit(backend.store, "poison", "ada")
    lose_lease(backend, "poison")
    submit(backend.store, "bob_1", "bob")
    assert claim(backend.store, "claim-1").id == "poison"
    assert claim(backend.store, "claim-2", engine_empty=False, engine_quarantined=True) is None
    assert claim(backend.store, "claim-3", engine_empty=True).id == "bob_1"


def test_the_last_attempt_of_a_quarantined_job_runs_alone(backend: StoreBackend) -> None:
    submit(backend.store, "poison", max_attempts=2)
    lose_lease(backend, "poison")
    assert claim(backend.store, "claim-1", engine_empty=False, engine_quarantined=True) is None
    job = claim(backend.store, "claim-2", engine_empty=True)
    assert job is not None
    assert job.runs_alone


def lose_leases(backend: StoreBackend, *job_ids: str) -> None:
    """Submit jobs, let one worker start them all, and let it die. Ids begin with the name of the tenant."""
    backend.store.call(commands.sweep(LEASE_MS, 100))
    for job_id in job_ids:
        submit(backend.store, job_id, job_id.partition("_")[0])
    for number, _ in enumerate(job_ids):
        claimed = claim(backend.store, f"lost-{number}", engine_empty=False)
        backend.store.call(commands.progress(claim_ref(claimed), JobUpdate(stage="denoising")))
    let_leases_end(backend)
    backend.store.call(commands.sweep(LEASE_MS, 100))
    assert all(get_job(backend.store, job_id, job_id.partition("_")[0]).quarantined for job_id in job_ids)


def test_excluded_jobs_are_left_to_other_workers(store: JobStore) -> None:
    for job_id in ("ada_1", "ada_2", "bob_1", "cy_1"):
        submit(store, job_id, job_id.partition("_")[0])
    excluded = ("ada_1", "bob_1", "cy_1")
    assert claim(store, "claim-1", excluded=excluded).id == "ada_2"
    assert claim(store, "claim-2", excluded=excluded) is None
    assert {claim(store, f"claim-{number}").id for number in (3, 4, 5)} == set(excluded)
