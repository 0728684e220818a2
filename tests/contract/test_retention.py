"""How long ended jobs and their pictures are kept, and how a job is forgotten."""

from dataclasses import replace

import pytest

from renderq.contract import Status
from renderq_shared.jobs import (
    Deletion,
    Idempotency,
    JobFilter,
    JobStore,
    JobUpdate,
    Outcome,
    Retention,
    Retired,
    Submission,
)
from tests.contract.building import LEASE_MS, SUCCEEDED, WIDE, claim, held, new_job, read, submit
from tests.contract.worlds import World

DAY_MS = 24 * 3_600_000
KEEP = Retention(pictures_ms=DAY_MS, records_ms=2 * DAY_MS)
FOR_EVER = Retention(None, None)
NOTHING = Retired((), (), (), (), (), more=False)
WITH_PICTURES = Outcome(Status.SUCCEEDED, update=JobUpdate(outputs_json="[1]", grid_json="{}"))


def ended(store: JobStore, job_id: str = "job_1") -> None:
    submit(store, job_id)
    store.finish(held(claim(store, f"claim-{job_id}")), WITH_PICTURES)


def retire(store: JobStore, keep: Retention = FOR_EVER, limit: int = 100) -> Retired:
    """What concerns pictures and records; manifests have a page of tests of their own."""
    retired = store.retire(keep, LEASE_MS, limit)
    store.recorded([job.id for job in retired.manifests])
    return replace(retired, manifests=(), more=retired.more)


def test_a_deleted_job_is_gone(store: JobStore) -> None:
    ended(store)
    assert store.delete("ada", "job_1") is Deletion.DELETED
    assert store.get("ada", "job_1") is None
    assert store.page("ada", JobFilter(), 10, 100).records == ()
    assert store.cancel("ada", "job_1") is None


def test_a_deletion_that_is_repeated_is_answered_the_same_for_a_while(world: World) -> None:
    ended(world.store)
    world.store.delete("ada", "job_1")
    assert world.store.delete("ada", "job_1") is Deletion.DELETED
    assert world.store.delete("bob", "job_1") is Deletion.UNKNOWN
    world.later(120_001)
    assert world.store.delete("ada", "job_1") is Deletion.UNKNOWN


def test_only_ended_jobs_can_be_deleted_and_only_by_their_tenant(store: JobStore) -> None:
    submit(store, "job_1")
    assert store.delete("ada", "job_1") is Deletion.NOT_ENDED
    claimed = claim(store)
    assert store.delete("ada", "job_1") is Deletion.NOT_ENDED
    store.cancel("ada", "job_1")
    assert store.delete("ada", "job_1") is Deletion.NOT_ENDED
    store.finish(held(claimed), SUCCEEDED)
    assert store.delete("bob", "job_1") is Deletion.UNKNOWN
    assert store.delete("ada", "job_2") is Deletion.UNKNOWN
    assert read(store, "job_1").status is Status.CANCELED


def test_the_replay_of_a_deleted_job_finds_none(store: JobStore) -> None:
    key = Idempotency("key", "fingerprint")
    submit(store, "job_1", idempotency=key)
    store.cancel("ada", "job_1")
    store.delete("ada", "job_1")
    replay = store.submit(new_job("job_2", idempotency=key), WIDE)
    assert (replay.outcome, replay.record, replay.place) == (Submission.REPLAYED, None, None)


def test_what_a_cut_off_worker_says_of_a_deleted_job_is_refused(world: World) -> None:
    submit(world.store, "job_1")
    zombie = held(claim(world.store))
    world.store.cancel("ada", "job_1")
    world.store.sweep(LEASE_MS, 100)
    for _ in range(4):
        world.later(LEASE_MS * 2 // 3)
        world.store.sweep(LEASE_MS, 100)
    assert world.store.delete("ada", "job_1") is Deletion.DELETED
    finished = world.store.finish(zombie, SUCCEEDED)
    assert (finished.accepted, finished.record) == (False, None)


@pytest.mark.parametrize("how", ["deleted", "old"])
def test_pictures_are_given_out_for_removal_until_somebody_says_that_they_are_gone(
    faithful_world: World, how: str
) -> None:
    store, keep = faithful_world.store, FOR_EVER
    ended(store)
    if how == "deleted":
        store.delete("ada", "job_1")
    else:
        keep = Retention(0, None)
    assert retire(store, keep).removals == ("jobs/job_1/",)
    assert retire(store, keep).removals == ()
    faithful_world.later(LEASE_MS)
    assert retire(store, keep).removals == ("jobs/job_1/",)
    store.removed(["jobs/job_1/"])
    faithful_world.later(LEASE_MS)
    assert retire(store, keep).removals == ()


def test_pictures_are_removed_once_more_for_what_a_cut_off_worker_wrote(faithful_world: World) -> None:
    ended(faithful_world.store)
    faithful_world.store.delete("ada", "job_1")
    faithful_world.store.removed(retire(faithful_world.store).removals)
    faithful_world.later(3_600_000)
    assert retire(faithful_world.store).removals == ("jobs/job_1/",)
    faithful_world.store.removed(["jobs/job_1/"])
    faithful_world.later(10 * DAY_MS)
    assert retire(faithful_world.store) == NOTHING


@pytest.mark.parametrize("how", ["lost", "handed back"])
def test_what_a_claim_wrote_before_it_gave_up_its_job_is_removed(faithful_world: World, how: str) -> None:
    store = faithful_world.store
    submit(store, "job_1")
    store.sweep(LEASE_MS, 100)
    first = held(claim(store, "first", lease_ms=1_000))
    store.progress(first, JobUpdate(outputs_json="[1]"))
    assert retire(store) == NOTHING
    if how == "lost":
        faithful_world.later(1_000)
        store.sweep(LEASE_MS, 100)
    else:
        store.requeue(first)
    assert retire(store).removals == ("jobs/job_1/first/",)
    store.removed(["jobs/job_1/first/"])
    store.finish(held(claim(store, "second")), WITH_PICTURES)
    faithful_world.later(3_600_000)
    assert retire(store).removals == ("jobs/job_1/first/",)


def test_what_the_last_claim_wrote_stays_with_its_job(faithful_world: World) -> None:
    store = faithful_world.store
    submit(store, "job_1", attempts_max=1)
    store.sweep(LEASE_MS, 100)
    store.progress(held(claim(store, lease_ms=1_000)), JobUpdate(outputs_json="[1]"))
    faithful_world.later(1_000)
    assert store.sweep(LEASE_MS, 100).lost == ("job_1",)
    assert read(store, "job_1").outputs_json == "[1]"
    assert retire(store) == NOTHING


def test_an_old_job_loses_its_pictures_and_later_its_record(faithful_world: World) -> None:
    store = faithful_world.store
    ended(store)
    before = read(store, "job_1")
    faithful_world.later(DAY_MS - 60_000)
    assert retire(store, KEEP) == NOTHING
    faithful_world.later(60_001)
    assert retire(store, KEEP) == Retired(("job_1",), (), (), ("jobs/job_1/",), (), more=False)
    after = read(store, "job_1")
    assert (after.status, after.outputs_json, after.grid_json) == (Status.SUCCEEDED, None, None)
    assert (before.grid_json, before.data_removed, after.data_removed) == ("{}", False, True)
    assert after.version == before.version + 1
    assert after.request_json == before.request_json
    store.removed(["jobs/job_1/"])
    faithful_world.later(DAY_MS - 60_000)
    assert retire(store, KEEP).forgotten == ()
    faithful_world.later(60_001)
    assert retire(store, KEEP).forgotten == ("job_1",)
    assert store.get("ada", "job_1") is None
    assert store.page("ada", JobFilter(), 10, 100).records == ()


def test_a_record_that_is_kept_for_less_than_its_pictures_stays_until_they_go(faithful_world: World) -> None:
    ended(faithful_world.store)
    assert retire(faithful_world.store, Retention(DAY_MS, 0)) == NOTHING
    faithful_world.later(DAY_MS)
    retired = retire(faithful_world.store, Retention(DAY_MS, 0))
    assert retired == Retired(("job_1",), ("job_1",), (), ("jobs/job_1/",), (), more=False)


def test_jobs_that_have_not_ended_and_what_is_kept_for_ever_stay(faithful_world: World) -> None:
    ended(faithful_world.store)
    submit(faithful_world.store, "job_2")
    faithful_world.later(1_000 * DAY_MS)
    assert retire(faithful_world.store) == NOTHING
    assert retire(faithful_world.store, Retention(0, 0)).forgotten == ("job_1",)
    assert read(faithful_world.store, "job_2").status is Status.QUEUED


def test_one_call_does_no_more_than_it_is_asked_to(faithful_world: World) -> None:
    for number in range(3):
        ended(faithful_world.store, f"job_{number}")
        faithful_world.later(1_000)
    calls = [retire(faithful_world.store, Retention(0, None), limit=2) for _ in range(3)]
    assert [(call.emptied, call.removals, call.more) for call in calls] == [
        (("job_0", "job_1"), ("jobs/job_0/", "jobs/job_1/"), True),
        (("job_2",), ("jobs/job_2/",), False),
        ((), (), False),
    ]
