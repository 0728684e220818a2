"""ETA: the arithmetic, and its place in responses."""

from dataclasses import replace

import httpx2
import pytest

from renderq.contract import Eta
from renderq_api.eta.estimator import queued_estimate, queued_eta, running_eta, seconds_per_image
from renderq_shared.jobs import JobTiming, ModelTimings, TimingSample
from renderq_shared.jobs.redis import RedisJobStore
from tests.api.running_api import RunningApi
from tests.api.worker import Worker
from tests.polling import wait_until

Samples = tuple[TimingSample, ...]


def samples(
    *device_wall_ms: int, cost: float = 10.0, images: int = 1, device_share_ms: int = 0, overhead_ms: int = 0
) -> Samples:
    """Return jobs with these times on the device. `device_share_ms`: their share, if others shared their batches."""
    return tuple(
        TimingSample(JobTiming("cpu", device_share_ms or ms, ms, load_ms=0), cost, images, wall_ms=ms + overhead_ms)
        for ms in device_wall_ms
    )


def model_timings(history: Samples, devices: tuple[str, ...] = ("cpu",), warm: bool = True) -> ModelTimings:
    return ModelTimings("shapes", history, devices, warm)


def eta_of(timings: ModelTimings, cost: float, images: int, cost_ahead: float) -> Eta:
    estimate = queued_estimate(timings, cost, images)
    assert estimate is not None
    return queued_eta(estimate, cost_ahead)


def p50(timings: ModelTimings, cost: float = 10.0, images: int = 1, before: float = 0.0) -> float:
    eta = eta_of(timings, cost, images, before)
    assert eta.p90 >= eta.p50
    return eta.p50


def test_a_free_worker_takes_as_long_as_it_took() -> None:
    eta = eta_of(model_timings(samples(1_000, 1_100, 900, 1_000, 3_000)), cost=10.0, images=1, cost_ahead=0.0)
    assert (eta.p50, eta.p90) == (1.0, 3.0)


def test_twice_the_cost_takes_twice_as_long_on_the_device_and_no_longer_around_it() -> None:
    timings = model_timings(samples(1_000, overhead_ms=300))
    assert p50(timings, cost=20.0) == 2.3
    assert seconds_per_image(timings, 20.0) == 2.3


def test_the_jobs_that_are_most_alike_decide() -> None:
    both = model_timings((*samples(*[400] * 16, cost=1.0), *samples(*[8_000] * 16, cost=100.0)))
    assert p50(both, cost=1.0) == 0.4
    assert p50(both, cost=90.0) == 7.2


def test_images_of_a_job_may_share_forward_passes() -> None:
    both = model_timings((*samples(*[400] * 16, cost=1.0), *samples(*[500] * 16, cost=4.0, images=4)))
    assert p50(both, cost=4.0, images=4) == 0.5
    assert p50(both, cost=4.0, images=1) == 1.6


def test_what_comes_before_is_waited_for() -> None:
    assert p50(model_timings(samples(1_000)), before=0.0) == 1.0
    assert p50(model_timings(samples(1_000)), before=40.0) == 5.0


def test_a_wide_device_with_free_slots_adds_no_wait() -> None:
    wide = model_timings(samples(1_000, device_share_ms=100))
    assert p50(wide, before=40.0) == 1.0
    assert p50(wide, before=400.0) == 4.1


def test_the_90th_percentile_allows_for_as_much_from_behind_as_is_ahead() -> None:
    wide = model_timings(samples(1_000, device_share_ms=100))
    p90s = [eta_of(wide, cost=10.0, images=1, cost_ahead=ahead).p90 for ahead in (0.0, 80.0, 400.0)]
    assert p90s == [1.0, 1.7, 5.0]


def test_what_jobs_waited_for_each_other_in_a_worker_is_not_what_the_next_one_takes() -> None:
    crowd = tuple(replace(sample, wall_ms=sample.wall_ms + 5_000) for sample in samples(*[1_000] * 12))
    assert p50(model_timings((*crowd, *samples(1_000, 1_000)))) == 1.0


def test_more_workers_and_faster_ones_go_through_the_queue_sooner() -> None:
    slow, fast = samples(1_000), samples(200)
    history = (*slow, *(replace(sample, timing=replace(sample.timing, device="cuda:0")) for sample in fast))
    assert p50(model_timings(slow, devices=("cpu", "cpu")), before=80.0) == 5.0
    assert (
        p50(model_timings(history, devices=("cuda:0",)), before=100.0)
        - p50(model_timings(history, devices=("cuda:0",)))
        == 2.0
    )


def test_a_cold_model_is_loaded_first_and_no_load_counts_twice() -> None:
    [sample] = samples(1_000)
    loaded = replace(sample, timing=replace(sample.timing, load_ms=5_000), wall_ms=6_000)
    assert p50(model_timings((loaded,), warm=False)) == 6.0
    assert p50(model_timings((loaded,), warm=True)) == 1.0


def test_a_running_job_has_the_rest_before_it() -> None:
    eta = running_eta(model_timings(samples(1_000, 2_000)), cost=10.0, images=1, done=0.75)
    assert eta is not None
    assert eta.p50 == 0.5


def test_without_timings_or_workers_there_is_no_estimate() -> None:
    assert queued_estimate(model_timings(()), cost=10.0, images=1) is None
    assert running_eta(model_timings(()), cost=10.0, images=1, done=0.5) is None
    assert seconds_per_image(model_timings(()), 10.0) is None
    assert queued_estimate(model_timings(samples(1_000), devices=()), cost=10.0, images=1) is None


def test_answers_carry_it(http: httpx2.Client, worker: Worker) -> None:
    def submit() -> str:
        return http.post("/v1/jobs", json={"prompt": "x"}).json()["id"]

    def get_job(job_id: str) -> httpx2.Response:
        return http.get(f"/v1/jobs/{job_id}")

    def is_known() -> bool:
        return http.get("/v1/models/shapes").json()["seconds_per_image"] is not None

    wait_until(lambda: not is_known())  # the module's API may still have timings of another test
    first = submit()
    assert get_job(first).json()["eta_seconds"] is None
    worker.finish(worker.claim())
    wait_until(is_known)
    running, queued = submit(), submit()
    assert get_job(queued).json()["eta_seconds"]["p90"] >= 0
    record = worker.claim()
    worker.report(record, "denoising", step=20, steps=20)
    assert get_job(running).json()["eta_seconds"] == {"p50": 0.0, "p90": 0.0}
    assert worker.finish(record).id == running
    assert get_job(running).json()["eta_seconds"] is None


@pytest.mark.parametrize(("wall_ms", "retry_after"), [(100, "1"), (7_400, "8"), (90_000, "30")])
def test_retry_after_is_the_estimated_end(
    api: RunningApi, http: httpx2.Client, worker: Worker, store: RedisJobStore, wall_ms: int, retry_after: str
) -> None:
    job_id = http.post("/v1/jobs", json={"prompt": "x"}).json()["id"]
    cost = worker.claim().cost
    with api.client() as other:
        store._client.lpush("rq:timings:shapes", f"{wall_ms} {wall_ms} 0 {wall_ms} {cost} 1 cpu")
        wait_until(lambda: other.get("/v1/models/shapes").json()["seconds_per_image"] == pytest.approx(wall_ms / 1000))
    assert http.get(f"/v1/jobs/{job_id}").headers["retry-after"] == retry_after
