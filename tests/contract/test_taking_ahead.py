"""A job that a busy worker would only keep for later is left to workers that have nothing to do."""

from collections.abc import Callable

import pytest

from renderq.contract import Status
from renderq_shared.jobs import Candidate, JobStore, Outcome
from tests.contract.building import LEASE_MS, SUCCEEDED, claim, held, submit, worker
from tests.contract.worlds import World

TTL_MS = 30_000
AHEAD = Candidate("shapes", resident=True, ahead=True)


def busy_and_idle(store: JobStore) -> None:
    """Two workers of one model; `busy` holds a job."""
    store.register(worker("busy"), TTL_MS)
    submit(store, "first")
    assert claim(store, "claim-busy", by="busy") is not None
    store.register(worker("idle"), TTL_MS)


def takes_ahead(store: JobStore, claim_id: str = "claim-ahead") -> bool:
    return claim(store, claim_id, AHEAD, by="busy", engine_empty=False) is not None


def test_the_last_job_is_for_the_worker_that_holds_nothing(store: JobStore) -> None:
    busy_and_idle(store)
    submit(store, "second")
    assert not takes_ahead(store)
    assert claim(store, "claim-idle", by="idle").id == "second"


def test_what_can_begin_at_once_is_taken_all_the_same(store: JobStore) -> None:
    busy_and_idle(store)
    submit(store, "second")
    assert claim(store, "claim-2", by="busy", engine_empty=False).id == "second"


def test_more_jobs_than_idle_workers_could_take_are_for_everybody(store: JobStore) -> None:
    busy_and_idle(store)
    submit(store, "second")
    submit(store, "third")
    assert takes_ahead(store, "claim-2")
    assert not takes_ahead(store, "claim-3")


def test_whoever_asks_does_not_leave_jobs_to_itself(store: JobStore) -> None:
    store.register(worker("busy"), TTL_MS)
    submit(store, "only")
    assert takes_ahead(store)


def test_another_model_is_asked_then(store: JobStore) -> None:
    busy_and_idle(store)
    submit(store, "second")
    submit(store, "other", model="other")
    both = (AHEAD, Candidate("other", resident=False, ahead=True))
    assert claim(store, "claim-2", *both, by="busy", engine_empty=False).id == "other"


@pytest.mark.parametrize(
    "change",
    [
        lambda world: world.store.register(worker("idle", draining=True), TTL_MS),
        lambda world: world.store.register(worker("idle", "other"), TTL_MS),
        lambda world: world.store.unregister("idle"),
        lambda world: world.later(TTL_MS + 1),
        lambda world: claim(world.store, "claim-idle", by="idle") and submit(world.store, "third"),
    ],
    ids=["drains", "serves another model", "has left", "is silent", "holds a job"],
)
def test_nothing_is_left_to_a_worker_that(world: World, change: Callable[[World], object]) -> None:
    busy_and_idle(world.store)
    submit(world.store, "second")
    change(world)
    assert takes_ahead(world.store)


def finish(world: World) -> None:
    world.store.finish(held(claim(world.store, "claim-idle", by="idle")), SUCCEEDED)


def hand_back(world: World) -> None:
    world.store.requeue(held(claim(world.store, "claim-idle", by="idle")))
    world.store.cancel("ada", "second")


def cancel(world: World) -> None:
    hold = held(claim(world.store, "claim-idle", by="idle"))
    world.store.cancel("ada", "second")
    world.store.finish(hold, Outcome(Status.CANCELED))


def lose(world: World) -> None:
    world.store.sweep(LEASE_MS, 100)
    claim(world.store, "claim-idle", by="idle", lease_ms=1_000)
    world.later(1_001)
    world.store.sweep(LEASE_MS, 100)
    world.store.cancel("ada", "second")


def lose_for_good(world: World) -> None:
    submit(world.store, "fragile", attempts_max=1, priority=10)
    world.store.sweep(LEASE_MS, 100)
    claim(world.store, "claim-idle", by="idle", lease_ms=1_000)
    world.later(1_001)
    world.store.sweep(LEASE_MS, 100)
    world.store.cancel("ada", "second")


def miss_the_deadline(world: World) -> None:
    submit(world.store, "late", deadline_ms=1_000, priority=10)
    claim(world.store, "claim-idle", by="idle")
    world.later(1_001)
    world.store.sweep(LEASE_MS, 100)
    world.store.cancel("ada", "second")


@pytest.mark.parametrize("end", [finish, hand_back, cancel, lose, lose_for_good, miss_the_deadline])
def test_a_worker_is_idle_again_after(world: World, end: Callable[[World], None]) -> None:
    busy_and_idle(world.store)
    submit(world.store, "second")
    end(world)
    assert not world.store.queues()
    submit(world.store, "third")
    assert not takes_ahead(world.store)
