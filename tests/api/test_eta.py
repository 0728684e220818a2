"""When a job will have ended: the arithmetic, and that answers carry it."""

import httpx2
import pytest

from renderq_api.eta import queued_eta, running_eta, seconds
from renderq_shared.jobs import ModelPace, Pace, PaceSample, RedisJobStore
from tests.api.running import RunningApi, until
from tests.api.worker import Worker

Samples = tuple[PaceSample, ...]


def samples(*walls_ms: int, cost: float = 10.0, busy_ms: int = 500, load_ms: int = 0, device: str = "cpu") -> Samples:
    return tuple(PaceSample(Pace(device, busy_ms, load_ms), cost, wall_ms) for wall_ms in walls_ms)


def pace(taken: Samples, **fields: object) -> ModelPace:
    plain = {"queued_cost": 10.0, "held_cost": 0.0, "devices": ("cpu",), "warm": True}
    return ModelPace("shapes", taken, **{**plain, **fields})


def p50(taken: Samples, cost: float = 10.0, ahead: int = 0, **fields: object) -> float:
    eta = queued_eta(pace(taken, **fields), cost, ahead)
    assert eta is not None
    assert eta.p90 >= eta.p50
    return eta.p50


def test_a_free_worker_takes_as_long_as_it_took() -> None:
    eta = queued_eta(pace(samples(1_000, 1_100, 900, 1_000, 3_000)), cost=10.0, ahead=0)
    assert eta is not None
    assert (eta.p50, eta.p90) == (1.0, 3.0)


def test_twice_the_cost_takes_twice_as_long() -> None:
    assert p50(samples(1_000), cost=20.0) == 2.0
    assert seconds(pace(samples(1_000)), 20.0) == 2.0


def test_the_jobs_that_are_most_alike_decide() -> None:
    both = (*samples(*[400] * 16, cost=1.0), *samples(*[8_000] * 16, cost=100.0))
    assert p50(both, cost=1.0) == 0.4
    assert p50(both, cost=90.0) == 7.2


def test_jobs_ahead_and_jobs_in_work_are_waited_for() -> None:
    assert p50(samples(1_000, busy_ms=500), ahead=4) == 3.0
    assert p50(samples(1_000, busy_ms=500), held_cost=40.0) == 2.0


def test_more_workers_and_faster_ones_go_through_the_queue_sooner() -> None:
    taken = (*samples(1_000, busy_ms=500), *samples(1_000, busy_ms=100, device="cuda:0"))
    assert p50(taken, ahead=8, devices=("cpu", "cpu")) == 3.0
    assert p50(taken, ahead=10, devices=("cuda:0",)) == 2.0


def test_a_cold_model_is_loaded_first_and_no_load_counts_twice() -> None:
    assert p50(samples(6_000, load_ms=5_000), warm=False) == 6.0
    assert p50(samples(6_000, load_ms=5_000), warm=True) == 1.0


def test_a_running_job_has_the_rest_before_it() -> None:
    eta = running_eta(pace(samples(1_000, 2_000)), cost=10.0, done=0.75)
    assert eta is not None
    assert eta.p50 == 0.5


def test_where_nothing_is_known_or_nobody_renders_nothing_is_said() -> None:
    assert queued_eta(pace(()), cost=10.0, ahead=0) is None
    assert running_eta(pace(()), cost=10.0, done=0.5) is None
    assert seconds(pace(()), 10.0) is None
    assert queued_eta(pace(samples(1_000), devices=()), cost=10.0, ahead=0) is None


def test_answers_carry_it(http: httpx2.Client, worker: Worker) -> None:
    def submit() -> str:
        return http.post("/v1/jobs", json={"prompt": "x"}).json()["id"]

    def look(job_id: str) -> httpx2.Response:
        return http.get(f"/v1/jobs/{job_id}")

    def is_known() -> bool:
        return http.get("/v1/models/shapes").json()["seconds_per_image"] is not None

    until(lambda: not is_known())  # the module's API may still know what another test did
    first = submit()
    assert look(first).json()["eta_seconds"] is None
    worker.finish(worker.claim())
    until(is_known)
    running, queued = submit(), submit()
    assert look(queued).json()["eta_seconds"]["p90"] >= 0
    record = worker.claim()
    worker.report(record, "denoising", step=20, steps=20)
    assert look(running).json()["eta_seconds"] == {"p50": 0.0, "p90": 0.0}
    assert worker.finish(record).id == running
    assert look(running).json()["eta_seconds"] is None


@pytest.mark.parametrize(("wall_ms", "retry_after"), [(100, "1"), (7_400, "8"), (90_000, "30")])
def test_retry_after_is_the_estimated_end(
    api: RunningApi, http: httpx2.Client, worker: Worker, store: RedisJobStore, wall_ms: int, retry_after: str
) -> None:
    job_id = http.post("/v1/jobs", json={"prompt": "x"}).json()["id"]
    cost = worker.claim().cost
    with api.client() as other:
        worker_pace = f"{wall_ms} 0 {wall_ms} {cost} cpu"
        store._client.lpush("rq:paces:shapes", worker_pace)
        until(lambda: other.get("/v1/models/shapes").json()["seconds_per_image"] == pytest.approx(wall_ms / 1000))
    assert http.get(f"/v1/jobs/{job_id}").headers["retry-after"] == retry_after
