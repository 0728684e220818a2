"""Registration of workers."""

from renderq_shared.jobs import JobStore, commands
from tests.job_store.factories import submit, worker_record
from tests.job_store.store_backends import StoreBackend


def test_a_worker_is_listed_as_it_last_described_itself(store: JobStore) -> None:
    store.call(commands.register(worker_record("w2"), 30_000))
    store.call(commands.register(worker_record("w1", "shapes", "other", jobs=1), 30_000))
    store.call(commands.register(worker_record("w1", "shapes", "other", jobs=2, resident_models=("other",)), 30_000))
    first, second = store.call(commands.workers())
    assert (first.id, first.device, first.models, first.jobs) == ("w1", "cpu", ("shapes", "other"), 2)
    assert (first.resident_models, first.draining) == (("other",), False)
    assert second.id == "w2"


def test_a_worker_tells_its_memory(store: JobStore) -> None:
    store.call(commands.register(worker_record("w1", memory_bytes=2**31), 30_000))
    memory = {"memory_bytes": 2**31, "device_memory_used_bytes": 0, "device_memory_total_bytes": 2**36}
    store.call(commands.register(worker_record("w2", "shapes", "other", **memory), 30_000))
    host, card = store.call(commands.workers())
    assert (host.memory_bytes, host.device_memory_used_bytes, host.device_memory_total_bytes) == (2**31, None, None)
    assert (card.memory_bytes, card.device_memory_used_bytes, card.device_memory_total_bytes) == (2**31, 0, 2**36)
    assert card.models == ("shapes", "other")


def test_the_store_keeps_a_workers_times(backend: StoreBackend) -> None:
    backend.store.call(commands.register(worker_record(), 30_000))
    backend.advance(10_000)
    backend.store.call(commands.register(worker_record(), 30_000))
    listed = backend.store.call(commands.workers())[0]
    assert 10_000 <= listed.seen_ms - listed.started_ms < 60_000


def test_a_silent_worker_leaves_the_list_and_serves_nothing(backend: StoreBackend) -> None:
    submit(backend.store, "job_1")
    backend.store.call(commands.register(worker_record(), 30_000))
    assert backend.store.call(commands.queues())[0].has_worker
    backend.advance(30_001)
    assert backend.store.call(commands.workers()) == ()
    assert not backend.store.call(commands.queues())[0].has_worker


def test_a_worker_that_says_goodbye_leaves_at_once(store: JobStore) -> None:
    submit(store, "job_1")
    store.call(commands.register(worker_record("w1"), 30_000))
    store.call(commands.register(worker_record("w2", "other"), 30_000))
    store.call(commands.unregister("w1"))
    store.call(commands.unregister("w1"))
    assert [each.id for each in store.call(commands.workers())] == ["w2"]
    assert not store.call(commands.queues())[0].has_worker


def test_a_draining_worker_is_listed_but_serves_nothing(store: JobStore) -> None:
    submit(store, "job_1")
    store.call(commands.register(worker_record(), 30_000))
    store.call(commands.register(worker_record(draining=True), 30_000))
    assert store.call(commands.workers())[0].draining
    assert not store.call(commands.queues())[0].has_worker


def test_a_worker_serves_what_it_said_last(store: JobStore) -> None:
    submit(store, "job_1")
    store.call(commands.register(worker_record("w1", "shapes"), 30_000))
    store.call(commands.register(worker_record("w1", "other"), 30_000))
    assert not store.call(commands.queues())[0].has_worker
