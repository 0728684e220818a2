"""Load by minutes."""

from renderq.contract import Status
from renderq_shared.jobs import LoadMinute, Outcome, commands
from tests.job_store.factories import LEASE_MS, SUCCEEDED, claim, claim_ref, submit
from tests.job_store.store_backends import StoreBackend

MINUTE_MS = 60_000


def sweep(backend: StoreBackend) -> None:
    backend.store.call(commands.sweep(LEASE_MS, 100))


def finish(backend: StoreBackend, number: int, outcome: Outcome = SUCCEEDED) -> None:
    job = claim(backend.store, f"claim-{number}")
    sweep(backend)
    backend.store.call(commands.finish(claim_ref(job), outcome))


def counts(minutes: tuple[LoadMinute, ...]) -> list[tuple[int, int, int, int]]:
    return [(each.queued, each.running, each.succeeded, each.failed) for each in minutes]


def test_jobs_that_end_without_rendering_are_counted(backend: StoreBackend) -> None:
    submit(backend.store, "job_0", deadline_ms=1_000)
    submit(backend.store, "job_1")
    sweep(backend)
    backend.store.call(commands.cancel("ada", "job_1"))
    (minute,) = backend.store.call(commands.load_minutes())
    assert (minute.canceled, minute.expired) == (1, 0)
    backend.advance(MINUTE_MS)
    sweep(backend)
    backend.advance(MINUTE_MS)
    sweep(backend)
    minutes = backend.store.call(commands.load_minutes())
    assert sum(minute.canceled for minute in minutes) == 1
    assert sum(minute.expired for minute in minutes) == 1


def test_each_minute_has_its_peaks_and_ends(backend: StoreBackend) -> None:
    assert backend.store.call(commands.load_minutes()) == ()
    for number in range(4):
        submit(backend.store, f"job_{number}")
    sweep(backend)
    finish(backend, 0)
    finish(backend, 1, Outcome(Status.FAILED, error_json="{}"))
    backend.store.call(commands.cancel("ada", "job_3"))
    assert counts(backend.store.call(commands.load_minutes())) == [(4, 1, 1, 1)]
    backend.advance(MINUTE_MS)
    sweep(backend)
    finish(backend, 2)
    first, second = backend.store.call(commands.load_minutes())
    assert counts((first, second)) == [(4, 1, 1, 1), (1, 1, 1, 0)]
    assert MINUTE_MS <= second.started_ms - first.started_ms < 2 * MINUTE_MS


def test_minutes_without_jobs_are_left_out(backend: StoreBackend) -> None:
    submit(backend.store, "job_0")
    finish(backend, 0)
    for _ in range(3):
        backend.advance(MINUTE_MS)
        sweep(backend)
    assert counts(backend.store.call(commands.load_minutes())) == [(0, 1, 1, 0), (0, 0, 0, 0)]


def test_a_minute_is_forgotten_after_a_day(backend: StoreBackend) -> None:
    submit(backend.store, "job_0")
    finish(backend, 0)
    backend.advance(24 * 60 * MINUTE_MS - MINUTE_MS // 2)
    sweep(backend)
    assert counts(backend.store.call(commands.load_minutes())) == [(0, 1, 1, 0), (0, 0, 0, 0)]
    backend.advance(MINUTE_MS)
    assert counts(backend.store.call(commands.load_minutes())) == [(0, 0, 0, 0)]
