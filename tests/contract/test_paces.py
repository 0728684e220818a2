"""What finished jobs took is remembered for each model, with what is before a job that waits."""

from renderq.contract import Status
from renderq_shared.jobs import JobStore, JobUpdate, ModelPace, Outcome, Pace
from renderq_shared.jobs.paces import SAMPLES_MAX
from tests.contract.building import claim, held, submit, worker
from tests.contract.worlds import World

PACE = Pace("cpu", busy_ms=900, alone_ms=950, load_ms=50)
IDLE = ModelPace("shapes", (), (), warm=False)


def only(store: JobStore) -> ModelPace:
    [pace] = store.paces()
    return pace


def end(store: JobStore, job_id: str, outcome: Outcome) -> None:
    submit(store, job_id, cost=2.5)
    store.finish(held(claim(store, f"claim-{job_id}")), outcome)


def test_a_model_that_never_had_a_job_is_not_known(store: JobStore) -> None:
    assert store.paces() == ()
    submit(store, "job_1")
    store.cancel("ada", "job_1")
    assert store.paces() == (IDLE,)


def test_what_a_job_took_is_remembered_with_its_estimated_cost(world: World) -> None:
    submit(world.store, "job_1", cost=2.5, images=3)
    claimed = claim(world.store)
    world.later(1_000)
    world.store.finish(held(claimed), Outcome(Status.SUCCEEDED, cost=7.0, pace=PACE))
    [sample] = only(world.store).samples
    assert (sample.pace, sample.cost, sample.images) == (PACE, 2.5, 3)
    assert 1_000 <= sample.wall_ms < 60_000


def test_only_jobs_that_succeeded_and_were_measured_count(store: JobStore) -> None:
    end(store, "job_1", Outcome(Status.FAILED, error_json="{}", pace=PACE))
    end(store, "job_2", Outcome(Status.SUCCEEDED))
    submit(store, "job_3")
    canceled = claim(store, "claim-3")
    store.cancel("ada", "job_3")
    store.finish(held(canceled), Outcome(Status.SUCCEEDED, pace=PACE))
    assert only(store).samples == ()


def test_the_newest_come_first_and_the_oldest_are_forgotten(store: JobStore) -> None:
    for number in range(SAMPLES_MAX + 2):
        end(store, f"job_{number}", Outcome(Status.SUCCEEDED, pace=Pace("cuda:0 a card", number, number, 0)))
    numbers = [sample.pace.busy_ms for sample in only(store).samples]
    assert numbers == list(range(SAMPLES_MAX + 1, 1, -1))


def before(store: JobStore, job_id: str) -> float:
    found = store.get("ada", job_id)
    assert found is not None
    assert found[1] is not None
    return found[1].cost_before


def test_before_a_job_comes_what_is_queued_ahead_of_it(store: JobStore) -> None:
    for number, cost in enumerate((1.0, 2.0, 4.0, 0.5)):
        submit(store, f"job_{number}", cost=cost)
    assert [before(store, f"job_{number}") for number in (0, 1, 3)] == [0.0, 1.833, 7.0]


def test_and_what_workers_still_have_to_do(store: JobStore) -> None:
    for number, cost in enumerate((1.0, 2.0, 4.0)):
        submit(store, f"job_{number}", cost=cost)
    first, second = claim(store, "claim-1"), claim(store, "claim-2")
    assert before(store, "job_2") == 3.0
    store.progress(held(second), JobUpdate(progress_json='{"step": 15, "steps": 20, "images_done": 0}'))
    assert before(store, "job_2") == 1.5
    store.finish(held(first), Outcome(Status.SUCCEEDED))
    assert before(store, "job_2") == 0.5
    store.requeue(held(second))
    assert before(store, "job_2") == 2.0
    submit(store, "other", model="lines", cost=9.0)
    assert before(store, "other") == 0.0


def test_who_renders_it(store: JobStore) -> None:
    submit(store, "job_1")
    store.register(worker("w1", "shapes", device="cuda:0"), 30_000)
    store.register(worker("w2", "shapes", device="cpu", resident_models=("shapes",), draining=True), 30_000)
    store.register(worker("w3", "other", device="cpu", resident_models=("other",)), 30_000)
    assert (only(store).devices, only(store).warm) == (("cuda:0",), False)
    store.register(worker("w1", "shapes", device="cuda:0", resident_models=("shapes",)), 30_000)
    assert only(store).warm
