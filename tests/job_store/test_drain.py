"""Draining of workers on request: `drain_worker`."""

import pytest

from renderq_shared.jobs import JobStore, commands
from tests.job_store.factories import claim, claim_ref, submit, worker_record
from tests.job_store.store_backends import StoreBackend

TTL_MS = 30_000


def test_a_worker_that_is_told_to_drain_learns_of_it_at_every_registration(store: JobStore) -> None:
    assert not store.call(commands.register(worker_record("w1"), TTL_MS))
    store.call(commands.register(worker_record("w2"), TTL_MS))
    store.call(commands.drain_worker("w1"))
    assert store.call(commands.register(worker_record("w1"), TTL_MS))
    assert store.call(commands.register(worker_record("w1", draining=True), TTL_MS))
    assert not store.call(commands.register(worker_record("w2"), TTL_MS))


def test_it_is_listed_as_draining_and_serves_nothing_from_then_on(store: JobStore) -> None:
    submit(store, "job_1")
    store.call(commands.register(worker_record("w1", jobs=1), TTL_MS))
    drained = store.call(commands.drain_worker("w1"))
    assert store.call(commands.drain_worker("w1")) == drained
    assert store.call(commands.workers()) == (drained,)
    assert drained is not None
    assert (drained.id, drained.jobs, drained.draining) == ("w1", 1, True)
    assert not store.call(commands.queues())[0].has_worker
    store.call(commands.register(worker_record("w1"), TTL_MS))
    assert store.call(commands.workers())[0].draining
    assert not store.call(commands.queues())[0].has_worker


def test_it_claims_nothing_more_but_finds_the_job_of_a_claim_that_was_not_answered(store: JobStore) -> None:
    store.call(commands.register(worker_record("w1"), TTL_MS))
    store.call(commands.register(worker_record("w2"), TTL_MS))
    submit(store, "job_1")
    submit(store, "job_2")
    claimed = claim(store, "claim-1", by="w1")
    store.call(commands.drain_worker("w1"))
    assert claim(store, "claim-2", by="w1") is None
    assert claim(store, "claim-1", by="w1") == claimed
    assert claim_ref(claim(store, "claim-3", by="w2")).job_id == "job_2"


@pytest.mark.parametrize("ending", ["unknown", "unregistered", "silent"])
def test_a_worker_that_is_not_alive_cannot_be_drained(backend: StoreBackend, ending: str) -> None:
    store = backend.store
    if ending != "unknown":
        store.call(commands.register(worker_record("w1"), TTL_MS))
    if ending == "unregistered":
        store.call(commands.unregister("w1"))
    if ending == "silent":
        backend.advance(TTL_MS + 1)
    assert store.call(commands.drain_worker("w1")) is None
    assert store.call(commands.workers()) == ()
    assert not store.call(commands.register(worker_record("w1"), TTL_MS))


def test_a_worker_that_restarts_with_the_same_name_is_not_drained(store: JobStore) -> None:
    submit(store, "job_1")
    store.call(commands.register(worker_record("w1", run_id="first"), TTL_MS))
    store.call(commands.drain_worker("w1"))
    assert store.call(commands.register(worker_record("w1", run_id="first"), TTL_MS))
    assert not store.call(commands.register(worker_record("w1", run_id="second"), TTL_MS))
    assert not store.call(commands.workers())[0].draining
    assert claim_ref(claim(store, "claim-1", by="w1")).job_id == "job_1"


@pytest.mark.parametrize("ending", ["unregistered", "silent"])
def test_a_drain_ends_with_the_registration(backend: StoreBackend, ending: str) -> None:
    store = backend.store
    submit(store, "job_1")
    store.call(commands.register(worker_record("w1"), TTL_MS))
    store.call(commands.drain_worker("w1"))
    if ending == "unregistered":
        store.call(commands.unregister("w1"))
    else:
        backend.advance(TTL_MS + 1)
    assert store.call(commands.workers()) == ()
    assert claim_ref(claim(store, "claim-1", by="w1")).job_id == "job_1"
    assert not store.call(commands.register(worker_record("w1"), TTL_MS))


def test_another_run_of_a_worker_has_another_start(backend: StoreBackend) -> None:
    store = backend.store
    store.call(commands.register(worker_record("w1", run_id="first"), 600_000))
    backend.advance(300_000)
    store.call(commands.register(worker_record("w1", run_id="second"), 600_000))
    listed = store.call(commands.workers())[0]
    assert listed.seen_ms - listed.started_ms < 300_000
