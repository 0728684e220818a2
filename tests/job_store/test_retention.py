"""Retention and deletion of ended jobs and their images."""

from dataclasses import replace

import pytest

from renderq.contract import Status
from renderq_shared.jobs import (
    ArchivedRemoval,
    DeleteResult,
    Idempotency,
    JobFilter,
    JobStore,
    JobUpdate,
    Outcome,
    Retention,
    RetentionResult,
    SubmitOutcome,
    commands,
)
from tests.job_store.factories import LEASE_MS, NO_LIMITS, SUCCEEDED, claim, claim_ref, get_job, new_job, submit
from tests.job_store.store_backends import StoreBackend

DAY_MS = 24 * 3_600_000
FOREVER = Retention(None)
NOTHING = RetentionResult((), (), (), (), (), more=False)
WITH_IMAGES = Outcome(Status.SUCCEEDED, update=JobUpdate(outputs_json="[1]", grid_json="{}"))


def ended(store: JobStore, job_id: str = "job_1") -> None:
    submit(store, job_id)
    store.call(commands.finish(claim_ref(claim(store, f"claim-{job_id}")), WITH_IMAGES))


def apply_retention(store: JobStore, retention: Retention = FOREVER, limit: int = 100) -> RetentionResult:
    """Apply retention without archiving, which `test_archiving` covers."""
    return replace(store.call(commands.apply_retention(retention, LEASE_MS, limit)), unarchived=(), more=False)


def test_a_deleted_job_is_gone(store: JobStore) -> None:
    ended(store)
    assert store.call(commands.delete("ada", "job_1")) is DeleteResult.DELETED
    assert store.call(commands.get_job("ada", "job_1")) is None
    assert store.call(commands.page("ada", JobFilter(), 10, 100)).records == ()
    assert store.call(commands.cancel("ada", "job_1")) is None


def test_a_deletion_that_is_repeated_is_answered_the_same_for_a_while(backend: StoreBackend) -> None:
    ended(backend.store)
    backend.store.call(commands.delete("ada", "job_1"))
    assert backend.store.call(commands.delete("ada", "job_1")) is DeleteResult.DELETED
    assert backend.store.call(commands.delete("bob", "job_1")) is DeleteResult.UNKNOWN
    backend.advance(120_001)
    assert backend.store.call(commands.delete("ada", "job_1")) is DeleteResult.UNKNOWN


def test_the_deletion_of_a_released_job_is_answered_the_same_for_a_while(backend: StoreBackend) -> None:
    assert backend.store.call(commands.delete("ada", "job_1", was_archived=True)) is DeleteResult.DELETED
    assert backend.store.call(commands.delete("ada", "job_1")) is DeleteResult.DELETED
    assert backend.store.call(commands.delete("bob", "job_1")) is DeleteResult.UNKNOWN
    backend.advance(120_001)
    assert backend.store.call(commands.delete("ada", "job_1")) is DeleteResult.UNKNOWN


def test_only_ended_jobs_can_be_deleted_and_only_by_their_tenant(store: JobStore) -> None:
    submit(store, "job_1")
    assert store.call(commands.delete("ada", "job_1")) is DeleteResult.NOT_ENDED
    claimed = claim(store)
    assert store.call(commands.delete("ada", "job_1")) is DeleteResult.NOT_ENDED
    store.call(commands.cancel("ada", "job_1"))
    assert store.call(commands.delete("ada", "job_1")) is DeleteResult.NOT_ENDED
    store.call(commands.finish(claim_ref(claimed), SUCCEEDED))
    assert store.call(commands.delete("bob", "job_1")) is DeleteResult.UNKNOWN
    assert store.call(commands.delete("ada", "job_2")) is DeleteResult.UNKNOWN
    assert get_job(store, "job_1").status is Status.CANCELED


def test_the_replay_of_a_deleted_job_finds_none(store: JobStore) -> None:
    key = Idempotency("key", "fingerprint")
    submit(store, "job_1", idempotency=key)
    store.call(commands.cancel("ada", "job_1"))
    store.call(commands.delete("ada", "job_1"))
    replay = store.call(commands.submit(new_job("job_2", idempotency=key), NO_LIMITS))
    assert (replay.outcome, replay.record, replay.position) == (SubmitOutcome.REPLAYED, None, None)
    assert replay.job_id == "job_1"


def test_what_a_cut_off_worker_says_of_a_deleted_job_is_refused(backend: StoreBackend) -> None:
    submit(backend.store, "job_1")
    zombie = claim_ref(claim(backend.store))
    backend.store.call(commands.cancel("ada", "job_1"))
    backend.store.call(commands.sweep(LEASE_MS, 100))
    for _ in range(8):
        backend.advance(LEASE_MS // 3)
        backend.store.call(commands.sweep(LEASE_MS, 100))
    assert backend.store.call(commands.delete("ada", "job_1")) is DeleteResult.DELETED
    finished = backend.store.call(commands.finish(zombie, SUCCEEDED))
    assert (finished.accepted, finished.record) == (False, None)


@pytest.mark.parametrize("is_deleted_in_history", [False, True])
def test_files_are_given_out_for_removal_until_it_is_confirmed(
    reliable_backend: StoreBackend, is_deleted_in_history: bool
) -> None:
    store = reliable_backend.store
    ended(store)
    if is_deleted_in_history:
        store.call(commands.remove_archived([ArchivedRemoval("ada", "job_1", 1, is_deleted=True)]))
    else:
        store.call(commands.delete("ada", "job_1"))
    assert apply_retention(store).removals == ("jobs/job_1/",)
    assert apply_retention(store).removals == ()
    reliable_backend.advance(LEASE_MS)
    assert apply_retention(store).removals == ("jobs/job_1/",)
    store.call(commands.confirm_deleted(["jobs/job_1/"]))
    reliable_backend.advance(4 * LEASE_MS)
    assert apply_retention(store).removals == ()


def test_images_are_removed_once_more_for_what_a_cut_off_worker_wrote(reliable_backend: StoreBackend) -> None:
    ended(reliable_backend.store)
    reliable_backend.store.call(commands.delete("ada", "job_1"))
    reliable_backend.store.call(commands.confirm_deleted(apply_retention(reliable_backend.store).removals))
    reliable_backend.advance(3_600_000)
    assert apply_retention(reliable_backend.store).removals == ("jobs/job_1/",)
    reliable_backend.store.call(commands.confirm_deleted(["jobs/job_1/"]))
    reliable_backend.advance(10 * DAY_MS)
    assert apply_retention(reliable_backend.store) == NOTHING


@pytest.mark.parametrize("how", ["lost", "released"])
def test_what_a_claim_wrote_before_it_gave_up_its_job_is_removed(reliable_backend: StoreBackend, how: str) -> None:
    store = reliable_backend.store
    submit(store, "job_1")
    store.call(commands.sweep(LEASE_MS, 100))
    first = claim_ref(claim(store, "first", lease_ms=1_000))
    store.call(commands.progress(first, JobUpdate(outputs_json="[1]")))
    assert apply_retention(store) == NOTHING
    if how == "lost":
        reliable_backend.advance(1_000)
        store.call(commands.sweep(LEASE_MS, 100))
    else:
        store.call(commands.requeue(first))
    assert apply_retention(store).removals == ("jobs/job_1/first/",)
    store.call(commands.confirm_deleted(["jobs/job_1/first/"]))
    store.call(commands.finish(claim_ref(claim(store, "second")), WITH_IMAGES))
    reliable_backend.advance(3_600_000)
    assert apply_retention(store).removals == ("jobs/job_1/first/",)


def test_what_the_last_claim_wrote_stays_with_its_job(reliable_backend: StoreBackend) -> None:
    store = reliable_backend.store
    submit(store, "job_1", max_attempts=1)
    store.call(commands.sweep(LEASE_MS, 100))
    store.call(
        commands.progress(claim_ref(claim(store, lease_ms=1_000)), JobUpdate(stage="uploading", outputs_json="[1]"))
    )
    reliable_backend.advance(1_000)
    assert store.call(commands.sweep(LEASE_MS, 100)).lost == ("job_1",)
    assert get_job(store, "job_1").outputs_json == "[1]"
    assert apply_retention(store) == NOTHING


def test_one_call_does_no_more_than_it_is_asked_to(reliable_backend: StoreBackend) -> None:
    store = reliable_backend.store
    for number in range(3):
        ended(store, f"job_{number}")
        store.call(commands.delete("ada", f"job_{number}"))
        reliable_backend.advance(1_000)
    calls = [store.call(commands.apply_retention(FOREVER, LEASE_MS, 2)) for _ in range(3)]
    assert [(call.removals, call.more) for call in calls] == [
        (("jobs/job_0/", "jobs/job_1/"), True),
        (("jobs/job_2/",), False),
        ((), False),
    ]
