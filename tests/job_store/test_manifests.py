"""Manifests: each ended job is handed out until its manifest is confirmed, and can be restored from it."""

import pytest

from renderq.contract import Status
from renderq_shared.jobs import (
    DeleteResult,
    JobFilter,
    JobRecord,
    JobStore,
    JobUpdate,
    Outcome,
    Retention,
    commands,
)
from renderq_shared.jobs.redis.codec import decode_job, encode_job
from tests.job_store.factories import LEASE_MS, SUCCEEDED, claim, claim_ref, get_job, submit
from tests.job_store.store_backends import StoreBackend

FOREVER = Retention(None, None)


def due_manifests(store: JobStore, retention: Retention = FOREVER, limit: int = 100) -> tuple[str, ...]:
    return tuple(job.id for job in store.call(commands.apply_retention(retention, LEASE_MS, limit)).manifests)


def succeeded(store: JobStore, job_id: str = "job_1") -> JobRecord:
    submit(store, job_id, webhook_events=("job.succeeded",), retried_from="job_0", deadline_ms=60_000)
    texts = dict.fromkeys(("grid_json", "metrics_json", "runtime_json", "progress_json"), "{}")
    update = JobUpdate(outputs_json="[1]", warnings_json="[]", **texts)
    store.call(commands.finish(claim_ref(claim(store, f"claim-{job_id}")), Outcome(Status.SUCCEEDED, update=update)))
    return get_job(store, job_id)


def test_an_ended_job_is_given_out_as_it_is_until_it_is_recorded(reliable_backend: StoreBackend) -> None:
    store = reliable_backend.store
    job = succeeded(store)
    assert store.call(commands.apply_retention(FOREVER, LEASE_MS, 100)).manifests == (job,)
    assert due_manifests(store) == ()
    reliable_backend.advance(LEASE_MS)
    assert due_manifests(store) == ("job_1",)
    store.call(commands.confirm_manifests(["job_1"]))
    reliable_backend.advance(LEASE_MS)
    assert due_manifests(store) == ()


def test_every_end_counts_and_nothing_else(reliable_backend: StoreBackend) -> None:
    store = reliable_backend.store
    for job_id in ("job_1", "job_2", "job_3"):
        submit(store, job_id)
    store.call(commands.cancel("ada", "job_1"))
    store.call(commands.finish(claim_ref(claim(store)), Outcome(Status.FAILED, error_json="{}")))
    assert set(due_manifests(store)) == {"job_1", "job_2"}


def test_one_call_gives_out_no_more_than_it_is_asked_to(reliable_backend: StoreBackend) -> None:
    for number in range(3):
        succeeded(reliable_backend.store, f"job_{number}")
        reliable_backend.advance(1_000)
    first = reliable_backend.store.call(commands.apply_retention(FOREVER, LEASE_MS, 2))
    assert ([job.id for job in first.manifests], first.more) == (["job_0", "job_1"], True)
    assert due_manifests(reliable_backend.store, limit=2) == ("job_2",)


@pytest.mark.parametrize("how", ["deleted", "outputs expired"])
def test_what_is_to_be_removed_is_not_written_any_more(reliable_backend: StoreBackend, how: str) -> None:
    store, retention = reliable_backend.store, FOREVER
    succeeded(store)
    if how == "deleted":
        assert store.call(commands.delete("ada", "job_1")) is DeleteResult.DELETED
    else:
        retention = Retention(0, None)
    assert due_manifests(store, retention) == ()


def test_a_restored_job_is_the_one_that_was_written_down(backend: StoreBackend) -> None:
    job = succeeded(backend.store)
    backend.store.call(commands.delete("ada", "job_1"))
    backend.store.call(commands.restore(decode_job(encode_job(job))))
    assert get_job(backend.store, "job_1") == job
    assert backend.store.call(commands.page("ada", JobFilter(), 10, 100)).records == (job,)
    assert backend.store.call(commands.deliveries("ada", "job_1")) == ()
    assert backend.store.call(commands.get_job("bob", "job_1")) is None


def test_a_restored_job_is_kept_no_longer_than_before(reliable_backend: StoreBackend) -> None:
    store = reliable_backend.store
    job = succeeded(store)
    store.call(commands.delete("ada", "job_1"))
    store.call(commands.confirm_deleted(store.call(commands.apply_retention(FOREVER, LEASE_MS, 100)).removals))
    assert store.call(commands.restore(job))
    assert due_manifests(store) == ()
    reliable_backend.advance(1_000)
    retired = store.call(commands.apply_retention(Retention(1_000, None), LEASE_MS, 100))
    assert (retired.outputs_expired, retired.removals) == (("job_1",), ("jobs/job_1/",))


def test_what_is_known_is_not_replaced(reliable_backend: StoreBackend) -> None:
    store = reliable_backend.store
    submit(store, "job_1")
    store.call(commands.finish(claim_ref(claim(store)), SUCCEEDED))
    ended = get_job(store, "job_1")
    store.call(commands.apply_retention(Retention(0, None), LEASE_MS, 100))
    assert not store.call(commands.restore(ended))
    assert get_job(store, "job_1").outputs_expired
