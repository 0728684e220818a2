"""Pause: jobs of a paused model or tenant cannot be claimed; nothing else changes."""

from collections import Counter

from renderq.contract import Status
from renderq_shared.jobs import Candidate, JobStore, QueuePosition, TenantRecord, commands
from tests.job_store.factories import SUCCEEDED, claim, claim_ref, claimed_job_ids, get_job, submit, worker_record
from tests.job_store.store_backends import StoreBackend

BOTH = (Candidate("shapes", resident=True), Candidate("other", resident=True))


def queue_counts(store: JobStore) -> dict[str, tuple[int, int]]:
    """Return per model the numbers of queued and of claimable jobs."""
    return {queue.model: (queue.queued, queue.claimable) for queue in store.call(commands.queues())}


def position(store: JobStore, job_id: str, tenant: str = "ada") -> QueuePosition | None:
    found = store.call(commands.get_job(tenant, job_id))
    assert found is not None
    return found[1]


def test_a_paused_model_is_passed_over_and_goes_on_where_it_was(store: JobStore) -> None:
    for number in range(3):
        submit(store, f"shapes_{number}")
    submit(store, "other_0", model="other")
    running = claim(store, "first", *BOTH)
    store.call(commands.pause_model("shapes", True))
    assert claim(store, "second", *BOTH).id == "other_0"
    assert claim(store, "third", *BOTH) is None
    assert queue_counts(store) == {"shapes": (2, 0)}
    assert store.call(commands.stats()).paused == {"shapes"}
    assert store.call(commands.finish(claim_ref(running), SUCCEEDED)).accepted, "running jobs continue"
    store.call(commands.pause_model("shapes", False))
    assert claimed_job_ids(store, 3) == ["shapes_1", "shapes_2"]
    assert store.call(commands.stats()).paused == frozenset()


def test_a_paused_tenant_lets_others_pass_and_catches_up_on_nothing(store: JobStore) -> None:
    for number in range(20):
        submit(store, f"ada_{number:02}", "ada")
        submit(store, f"bob_{number:02}", "bob")
    store.call(commands.pause_tenant("ada", True))
    assert queue_counts(store) == {"shapes": (40, 20)}
    assert {job_id[:3] for job_id in claimed_job_ids(store, 10)} == {"bob"}
    store.call(commands.pause_tenant("ada", False))
    store.call(commands.pause_tenant("ada", False))
    claimed = [claim(store, f"late-{number}") for number in range(9)]
    assert Counter(job.tenant for job in claimed if job) == {"ada": 5, "bob": 4}


def test_pausing_reaches_every_model_of_a_tenant(store: JobStore) -> None:
    submit(store, "one")
    submit(store, "two", model="other")
    store.call(commands.pause_tenant("ada", True))
    submit(store, "three", model="third")
    third = Candidate("third", resident=True)
    assert claim(store, "first", *BOTH, third) is None
    store.call(commands.pause_tenant("ada", False))
    claimed = [claim(store, f"late-{number}", *BOTH, third) for number in range(3)]
    assert [job.id for job in claimed if job] == ["one", "two", "three"]


def test_what_waits_says_so(store: JobStore) -> None:
    store.call(commands.register(worker_record(), 60_000))
    submit(store, "ada_1", "ada")
    submit(store, "bob_1", "bob", weight=2.0)
    store.call(commands.pause_tenant("ada", True))
    assert position(store, "ada_1") == QueuePosition(1, has_worker=True, paused=True, cost_ahead=1.0)
    assert position(store, "bob_1", "bob") == QueuePosition(0, has_worker=True, paused=False)
    assert store.call(commands.tenants()) == (TenantRecord("ada", 1, 1.0, True), TenantRecord("bob", 1, 2.0, False))
    store.call(commands.pause_model("shapes", True))
    bobs = position(store, "bob_1", "bob")
    assert bobs is not None
    assert bobs.paused
    store.call(commands.pause_model("shapes", False))
    for _ in range(2):
        store.call(commands.pause_tenant("ada", False))
        assert position(store, "ada_1") == QueuePosition(1, has_worker=True, paused=False, cost_ahead=1.0)


def test_the_rest_of_a_jobs_life_goes_on(backend: StoreBackend) -> None:
    store = backend.store
    submit(store, "handed_back")
    mine = claim(store, "first")
    store.call(commands.pause_tenant("ada", True))
    submit(store, "too_late", deadline_ms=5_000)
    submit(store, "unwanted")
    store.call(commands.requeue(claim_ref(mine)))
    assert queue_counts(store) == {"shapes": (3, 0)}
    assert claim(store, "second") is None
    assert store.call(commands.cancel("ada", "unwanted")).status is Status.CANCELED
    backend.advance(6_000)
    store.call(commands.sweep(15_000, 100))
    assert get_job(store, "too_late").status is Status.EXPIRED
    store.call(commands.pause_tenant("ada", False))
    assert claim(store, "third").id == "handed_back"
    assert claim(store, "fourth") is None


def test_what_is_paused_does_not_count_as_work_for_others(store: JobStore) -> None:
    """With one claimable job and one idle worker, no busy worker may prefetch it."""
    store.call(commands.register(worker_record("idle"), 60_000))
    for number in range(5):
        submit(store, f"ada_{number}", "ada")
    submit(store, "bob_1", "bob")
    store.call(commands.pause_tenant("ada", True))
    assert claim(store, "busy", Candidate("shapes", resident=True, prefetch=True)) is None
    store.call(commands.pause_tenant("ada", False))
    assert claim(store, "busy again", Candidate("shapes", resident=True, prefetch=True)) is not None
