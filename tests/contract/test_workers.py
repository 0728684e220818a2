"""Who is there."""

from renderq_shared.jobs import JobStore
from tests.contract.building import submit, worker
from tests.contract.worlds import World


def test_a_worker_is_listed_as_it_last_described_itself(store: JobStore) -> None:
    store.register(worker("w2"), 30_000)
    store.register(worker("w1", "shapes", "other", jobs=1), 30_000)
    store.register(worker("w1", "shapes", "other", jobs=2, resident_models=("other",)), 30_000)
    first, second = store.workers()
    assert (first.id, first.device, first.models, first.jobs) == ("w1", "cpu", ("shapes", "other"), 2)
    assert (first.resident_models, first.draining) == (("other",), False)
    assert second.id == "w2"


def test_the_store_keeps_a_workers_times(world: World) -> None:
    world.store.register(worker(), 30_000)
    world.later(10_000)
    world.store.register(worker(), 30_000)
    listed = world.store.workers()[0]
    assert 10_000 <= listed.seen_ms - listed.started_ms < 60_000


def test_a_silent_worker_leaves_the_list_and_serves_nothing(world: World) -> None:
    submit(world.store, "job_1")
    world.store.register(worker(), 30_000)
    assert world.store.queues()[0].served
    world.later(30_001)
    assert world.store.workers() == ()
    assert not world.store.queues()[0].served


def test_a_worker_that_says_goodbye_leaves_at_once(store: JobStore) -> None:
    submit(store, "job_1")
    store.register(worker("w1"), 30_000)
    store.register(worker("w2", "other"), 30_000)
    store.unregister("w1")
    store.unregister("w1")
    assert [each.id for each in store.workers()] == ["w2"]
    assert not store.queues()[0].served


def test_a_draining_worker_is_listed_but_serves_nothing(store: JobStore) -> None:
    submit(store, "job_1")
    store.register(worker(), 30_000)
    store.register(worker(draining=True), 30_000)
    assert store.workers()[0].draining
    assert not store.queues()[0].served


def test_a_worker_serves_what_it_said_last(store: JobStore) -> None:
    submit(store, "job_1")
    store.register(worker("w1", "shapes"), 30_000)
    store.register(worker("w1", "other"), 30_000)
    assert not store.queues()[0].served
