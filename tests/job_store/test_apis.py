"""API processes with different histories do not run at the same time."""

from renderq_shared.jobs import ApiRecord, JobStore, commands
from tests.job_store.store_backends import StoreBackend

TTL_MS = 30_000


def test_processes_with_one_history_run_together(store: JobStore) -> None:
    for process in ("a:1", "a:2", "b:1", "a:1"):
        assert store.call(commands.register_api(process, "same", TTL_MS)) == ()


def test_a_process_with_another_history_is_refused_while_the_first_is_alive(backend: StoreBackend) -> None:
    register = commands.register_api("b:1", "other", TTL_MS)
    backend.store.call(commands.register_api("a:1", "one", TTL_MS))
    backend.advance(TTL_MS - 5_000)
    assert backend.store.call(register) == ("a:1",)
    assert backend.store.call(commands.register_api("a:1", "one", TTL_MS)) == ()  # a refused one is not registered
    backend.advance(TTL_MS - 5_000)
    assert backend.store.call(register) == ("a:1",)
    backend.advance(5_000)
    assert backend.store.call(register) == ()


def test_live_processes_are_listed_with_their_histories(backend: StoreBackend) -> None:
    for process in ("b:1", "a:1"):
        backend.store.call(commands.register_api(process, "one", TTL_MS))
    backend.store.call(commands.register_api("c:1", "other", TTL_MS))
    listed = backend.store.call(commands.archive_state()).apis
    assert listed == (ApiRecord("a:1", "one"), ApiRecord("b:1", "one"))
    backend.advance(TTL_MS)
    assert backend.store.call(commands.archive_state()).apis == ()


def test_a_process_that_has_ended_refuses_none(store: JobStore) -> None:
    store.call(commands.register_api("a:1", "one", TTL_MS))
    store.call(commands.unregister_api("a:1"))
    assert store.call(commands.register_api("b:1", "other", TTL_MS)) == ()


def test_a_process_may_move_to_another_history(store: JobStore) -> None:
    store.call(commands.register_api("a:1", "one", TTL_MS))
    assert store.call(commands.register_api("a:1", "other", TTL_MS)) == ()
