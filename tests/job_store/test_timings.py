"""Timings of finished jobs per model, and the cost ahead of a queued job."""

from renderq.contract import Status
from renderq_shared.jobs import JobStore, JobTiming, JobUpdate, ModelTimings, Outcome, commands
from renderq_shared.jobs.timings import MAX_SAMPLES
from tests.job_store.factories import claim, claim_ref, submit, worker_record
from tests.job_store.store_backends import StoreBackend

TIMING = JobTiming("cpu", device_share_ms=900, device_wall_ms=950, load_ms=50)
IDLE = ModelTimings("shapes", (), (), warm=False)


def only(store: JobStore) -> ModelTimings:
    [timings] = store.call(commands.timings())
    return timings


def end(store: JobStore, job_id: str, outcome: Outcome) -> None:
    submit(store, job_id, cost=2.5)
    store.call(commands.finish(claim_ref(claim(store, f"claim-{job_id}")), outcome))


def test_a_model_that_never_had_a_job_is_not_known(store: JobStore) -> None:
    assert store.call(commands.timings()) == ()
    submit(store, "job_1")
    store.call(commands.cancel("ada", "job_1"))
    assert store.call(commands.timings()) == (IDLE,)


def test_what_a_job_took_is_remembered_with_its_estimated_cost(backend: StoreBackend) -> None:
    submit(backend.store, "job_1", cost=2.5, images=3)
    claimed = claim(backend.store)
    backend.advance(1_000)
    backend.store.call(commands.finish(claim_ref(claimed), Outcome(Status.SUCCEEDED, cost=7.0, timing=TIMING)))
    [sample] = only(backend.store).samples
    assert (sample.timing, sample.cost, sample.images) == (TIMING, 2.5, 3)
    assert 1_000 <= sample.wall_ms < 60_000


def test_only_jobs_that_succeeded_and_were_measured_count(store: JobStore) -> None:
    end(store, "job_1", Outcome(Status.FAILED, error_json="{}", timing=TIMING))
    end(store, "job_2", Outcome(Status.SUCCEEDED))
    submit(store, "job_3")
    canceled = claim(store, "claim-3")
    store.call(commands.cancel("ada", "job_3"))
    store.call(commands.finish(claim_ref(canceled), Outcome(Status.SUCCEEDED, timing=TIMING)))
    assert only(store).samples == ()


def test_the_newest_come_first_and_the_oldest_are_forgotten(store: JobStore) -> None:
    for number in range(MAX_SAMPLES + 2):
        end(store, f"job_{number}", Outcome(Status.SUCCEEDED, timing=JobTiming("cuda:0 a card", number, number, 0)))
    numbers = [sample.timing.device_share_ms for sample in only(store).samples]
    assert numbers == list(range(MAX_SAMPLES + 1, 1, -1))


def cost_ahead_of(store: JobStore, job_id: str) -> float:
    found = store.call(commands.get_job("ada", job_id))
    assert found is not None
    assert found[1] is not None
    return found[1].cost_ahead


def test_before_a_job_comes_what_is_queued_ahead_of_it(store: JobStore) -> None:
    for number, cost in enumerate((1.0, 2.0, 4.0, 0.5)):
        submit(store, f"job_{number}", cost=cost)
    assert [cost_ahead_of(store, f"job_{number}") for number in (0, 1, 3)] == [0.0, 1.833, 7.0]


def test_and_what_workers_still_have_to_do(store: JobStore) -> None:
    for number, cost in enumerate((1.0, 2.0, 4.0)):
        submit(store, f"job_{number}", cost=cost)
    first, second = claim(store, "claim-1"), claim(store, "claim-2")
    assert cost_ahead_of(store, "job_2") == 3.0
    store.call(
        commands.progress(claim_ref(second), JobUpdate(progress_json='{"step": 15, "steps": 20, "images_done": 0}'))
    )
    assert cost_ahead_of(store, "job_2") == 1.5
    store.call(commands.finish(claim_ref(first), Outcome(Status.SUCCEEDED)))
    assert cost_ahead_of(store, "job_2") == 0.5
    store.call(commands.requeue(claim_ref(second)))
    assert cost_ahead_of(store, "job_2") == 2.0
    submit(store, "other", model="lines", cost=9.0)
    assert cost_ahead_of(store, "other") == 0.0


def test_who_renders_it(store: JobStore) -> None:
    submit(store, "job_1")
    store.call(commands.register(worker_record("w1", "shapes", device="cuda:0"), 30_000))
    store.call(
        commands.register(
            worker_record("w2", "shapes", device="cpu", resident_models=("shapes",), draining=True), 30_000
        )
    )
    store.call(commands.register(worker_record("w3", "other", device="cpu", resident_models=("other",)), 30_000))
    assert (only(store).devices, only(store).warm) == (("cuda:0",), False)
    store.call(commands.register(worker_record("w1", "shapes", device="cuda:0", resident_models=("shapes",)), 30_000))
    assert only(store).warm
