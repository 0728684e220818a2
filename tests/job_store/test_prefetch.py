"""Prefetch: a job that would wait in a busy worker goes to idle workers."""

from collections.abc import Callable

import pytest

from renderq.contract import Status
from renderq_shared.jobs import Candidate, JobStore, JobUpdate, Outcome, commands
from tests.job_store.factories import LEASE_MS, SUCCEEDED, claim, claim_ref, submit, worker_record
from tests.job_store.store_backends import StoreBackend

TTL_MS = 30_000
PREFETCH = Candidate("shapes", resident=True, prefetch=True)


def busy_and_idle(store: JobStore) -> None:
    """Register two workers of one model; `busy` claims a job."""
    store.call(commands.register(worker_record("busy"), TTL_MS))
    submit(store, "first")
    assert claim(store, "claim-busy", by="busy") is not None
    store.call(commands.register(worker_record("idle"), TTL_MS))


def prefetches(store: JobStore, claim_id: str = "claim-ahead") -> bool:
    return claim(store, claim_id, PREFETCH, by="busy", engine_empty=False) is not None


def test_the_last_job_is_for_the_worker_that_holds_nothing(store: JobStore) -> None:
    busy_and_idle(store)
    submit(store, "second")
    assert not prefetches(store)
    assert claim(store, "claim-idle", by="idle").id == "second"


def test_what_can_begin_at_once_is_taken_all_the_same(store: JobStore) -> None:
    busy_and_idle(store)
    submit(store, "second")
    assert claim(store, "claim-2", by="busy", engine_empty=False).id == "second"


def test_jobs_beyond_the_idle_workers_are_for_all_workers(store: JobStore) -> None:
    busy_and_idle(store)
    submit(store, "second")
    submit(store, "third")
    assert prefetches(store, "claim-2")
    assert not prefetches(store, "claim-3")


def test_a_worker_does_not_leave_jobs_to_itself(store: JobStore) -> None:
    store.call(commands.register(worker_record("busy"), TTL_MS))
    submit(store, "only")
    assert prefetches(store)


def test_another_model_is_asked_then(store: JobStore) -> None:
    busy_and_idle(store)
    submit(store, "second")
    submit(store, "other", model="other")
    both = (PREFETCH, Candidate("other", resident=False, prefetch=True))
    assert claim(store, "claim-2", *both, by="busy", engine_empty=False).id == "other"


@pytest.mark.parametrize(
    "change",
    [
        lambda backend: backend.store.call(commands.register(worker_record("idle", draining=True), TTL_MS)),
        lambda backend: backend.store.call(commands.register(worker_record("idle", "other"), TTL_MS)),
        lambda backend: backend.store.call(commands.unregister("idle")),
        lambda backend: backend.advance(TTL_MS + 1),
        lambda backend: claim(backend.store, "claim-idle", by="idle") and submit(backend.store, "third"),
    ],
    ids=["drains", "serves another model", "has left", "is silent", "holds a job"],
)
def test_nothing_is_left_to_a_worker_that(backend: StoreBackend, change: Callable[[StoreBackend], object]) -> None:
    busy_and_idle(backend.store)
    submit(backend.store, "second")
    change(backend)
    assert prefetches(backend.store)


def finish(backend: StoreBackend) -> None:
    backend.store.call(commands.finish(claim_ref(claim(backend.store, "claim-idle", by="idle")), SUCCEEDED))


def requeue(backend: StoreBackend) -> None:
    backend.store.call(commands.requeue(claim_ref(claim(backend.store, "claim-idle", by="idle"))))
    backend.store.call(commands.cancel("ada", "second"))


def cancel(backend: StoreBackend) -> None:
    held = claim_ref(claim(backend.store, "claim-idle", by="idle"))
    backend.store.call(commands.cancel("ada", "second"))
    backend.store.call(commands.finish(held, Outcome(Status.CANCELED)))


def lose_lease(backend: StoreBackend) -> None:
    backend.store.call(commands.sweep(LEASE_MS, 100))
    claim(backend.store, "claim-idle", by="idle", lease_ms=1_000)
    backend.advance(1_001)
    backend.store.call(commands.sweep(LEASE_MS, 100))
    backend.store.call(commands.cancel("ada", "second"))


def lose_last_lease(backend: StoreBackend) -> None:
    submit(backend.store, "fragile", max_attempts=1, priority=10)
    backend.store.call(commands.sweep(LEASE_MS, 100))
    claimed = claim(backend.store, "claim-idle", by="idle", lease_ms=1_000)
    backend.store.call(commands.progress(claim_ref(claimed), JobUpdate(stage="encoding")))
    backend.advance(1_001)
    backend.store.call(commands.sweep(LEASE_MS, 100))
    backend.store.call(commands.cancel("ada", "second"))


def miss_the_deadline(backend: StoreBackend) -> None:
    submit(backend.store, "late", deadline_ms=1_000, priority=10)
    claim(backend.store, "claim-idle", by="idle")
    backend.advance(1_001)
    backend.store.call(commands.sweep(LEASE_MS, 100))
    backend.store.call(commands.cancel("ada", "second"))


@pytest.mark.parametrize("end", [finish, requeue, cancel, lose_lease, lose_last_lease, miss_the_deadline])
def test_a_worker_is_idle_again_after(backend: StoreBackend, end: Callable[[StoreBackend], None]) -> None:
    busy_and_idle(backend.store)
    submit(backend.store, "second")
    end(backend)
    assert not backend.store.call(commands.queues())
    submit(backend.store, "third")
    assert not prefetches(backend.store)
