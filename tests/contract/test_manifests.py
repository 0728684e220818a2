"""Every ended job is given out to be written down, until somebody says that it is; and it can be taken back."""

import pytest

from renderq.contract import Status
from renderq_shared.jobs import (
    Deletion,
    JobFilter,
    JobRecord,
    JobStore,
    JobUpdate,
    Outcome,
    Retention,
)
from renderq_shared.jobs.decoding import job_record
from renderq_shared.jobs.encoding import job_fields
from tests.contract.building import LEASE_MS, SUCCEEDED, claim, held, read, submit
from tests.contract.worlds import World

FOR_EVER = Retention(None, None)


def unrecorded(store: JobStore, keep: Retention = FOR_EVER, limit: int = 100) -> tuple[str, ...]:
    return tuple(job.id for job in store.retire(keep, LEASE_MS, limit).manifests)


def succeeded(store: JobStore, job_id: str = "job_1") -> JobRecord:
    submit(store, job_id, webhook_events=("job.succeeded",), retried_from="job_0", deadline_ms=60_000)
    texts = dict.fromkeys(("grid_json", "metrics_json", "runtime_json", "progress_json"), "{}")
    news = JobUpdate(outputs_json="[1]", warnings_json="[]", **texts)
    store.finish(held(claim(store, f"claim-{job_id}")), Outcome(Status.SUCCEEDED, update=news))
    return read(store, job_id)


def test_an_ended_job_is_given_out_as_it_is_until_it_is_recorded(faithful_world: World) -> None:
    store = faithful_world.store
    job = succeeded(store)
    assert store.retire(FOR_EVER, LEASE_MS, 100).manifests == (job,)
    assert unrecorded(store) == ()
    faithful_world.later(LEASE_MS)
    assert unrecorded(store) == ("job_1",)
    store.recorded(["job_1"])
    faithful_world.later(LEASE_MS)
    assert unrecorded(store) == ()


def test_every_end_counts_and_nothing_else(faithful_world: World) -> None:
    store = faithful_world.store
    for job_id in ("job_1", "job_2", "job_3"):
        submit(store, job_id)
    store.cancel("ada", "job_1")
    store.finish(held(claim(store)), Outcome(Status.FAILED, error_json="{}"))
    assert set(unrecorded(store)) == {"job_1", "job_2"}


def test_one_call_gives_out_no_more_than_it_is_asked_to(faithful_world: World) -> None:
    for number in range(3):
        succeeded(faithful_world.store, f"job_{number}")
        faithful_world.later(1_000)
    first = faithful_world.store.retire(FOR_EVER, LEASE_MS, 2)
    assert ([job.id for job in first.manifests], first.more) == (["job_0", "job_1"], True)
    assert unrecorded(faithful_world.store, limit=2) == ("job_2",)


@pytest.mark.parametrize("how", ["deleted", "emptied"])
def test_what_is_to_be_removed_is_not_written_any_more(faithful_world: World, how: str) -> None:
    store, keep = faithful_world.store, FOR_EVER
    succeeded(store)
    if how == "deleted":
        assert store.delete("ada", "job_1") is Deletion.DELETED
    else:
        keep = Retention(0, None)
    assert unrecorded(store, keep) == ()


def test_a_restored_job_is_the_one_that_was_written_down(world: World) -> None:
    job = succeeded(world.store)
    world.store.delete("ada", "job_1")
    world.store.restore(job_record(job_fields(job)))
    assert read(world.store, "job_1") == job
    assert world.store.page("ada", JobFilter(), 10, 100).records == (job,)
    assert world.store.deliveries("ada", "job_1") == ()
    assert world.store.get("bob", "job_1") is None


def test_a_restored_job_is_kept_no_longer_than_before(faithful_world: World) -> None:
    store = faithful_world.store
    job = succeeded(store)
    store.delete("ada", "job_1")
    store.removed(store.retire(FOR_EVER, LEASE_MS, 100).removals)
    assert store.restore(job)
    assert unrecorded(store) == ()
    faithful_world.later(1_000)
    retired = store.retire(Retention(1_000, None), LEASE_MS, 100)
    assert (retired.emptied, retired.removals) == (("job_1",), ("jobs/job_1/",))


def test_what_is_known_is_not_replaced(faithful_world: World) -> None:
    store = faithful_world.store
    submit(store, "job_1")
    store.finish(held(claim(store)), SUCCEEDED)
    ended = read(store, "job_1")
    store.retire(Retention(0, None), LEASE_MS, 100)
    assert not store.restore(ended)
    assert read(store, "job_1").data_removed
