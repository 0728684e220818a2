"""Model and worker routes."""

import httpx2

from renderq.contract import SCHEDULERS, ModelList, WorkerList
from tests.api.problems import problem
from tests.api.worker import Worker


def test_catalog_lists_the_built_in_model(http: httpx2.Client) -> None:
    response = http.get("/v1/models")
    [model] = ModelList.model_validate(response.json()).data
    assert (model.name, model.default, model.tasks) == (
        "shapes",
        True,
        ("txt2img", "img2img", "inpaint", "outpaint", "variation"),
    )
    assert set(model.schedules) == set(model.schedulers)
    assert model.schedules["euler_a"] == model.own_schedules == ("trailing",)
    assert model.schedules["euler"] == ("karras", "exponential", "beta", "trailing")
    assert (model.schedulers, model.has_depth_estimator, model.supports_negative_prompt) == (SCHEDULERS, False, True)
    assert model.limits.model_dump() == {
        "max_side": 512,
        "max_pixels": 512 * 512,
        "size_multiple": 8,
        "max_clip_skip": 3,
        "max_guidance_rescale": 1,
        "max_noise_level": None,
        "max_images": 0,
        "min_steps": 1,
        "max_steps": 150,
        "max_lcm_steps": 50,
    }
    assert (model.queued_jobs, model.workers, model.warm_workers) == (0, 0, 0)
    assert http.get("/v1/models/shapes").json() == response.json()["data"][0]


def test_queue_and_workers_of_a_model(http: httpx2.Client, worker: Worker) -> None:
    for _ in range(3):
        http.post("/v1/jobs", json={"prompt": "x"})
    worker.claim()
    model = http.get("/v1/models/shapes").json()
    assert (model["queued_jobs"], model["workers"], model["warm_workers"]) == (2, 1, 1)
    worker.register(resident=False)
    assert http.get("/v1/models/shapes").json()["warm_workers"] == 0


def test_defaults_make_a_valid_request(http: httpx2.Client) -> None:
    model = http.get("/v1/models/shapes").json()
    assert http.post("/v1/jobs", json={"prompt": "x", "model": model["name"], **model["defaults"]}).status_code == 201


def test_unknown_model_names_those_that_are_there(http: httpx2.Client) -> None:
    assert "shapes" in problem(http.get("/v1/models/sd15"), "not_found")["detail"]


def test_workers(http: httpx2.Client, worker: Worker) -> None:
    [listed] = WorkerList.model_validate(http.get("/v1/workers").json()).data
    assert (listed.id, listed.device, listed.models, listed.resident_models) == (
        "worker-1",
        "cpu",
        ("shapes",),
        ("shapes",),
    )
    assert (listed.jobs, listed.draining) == (0, False)
    memory = (listed.memory_bytes, listed.device_memory_used_bytes, listed.device_memory_total_bytes)
    assert memory == (1_449_551_462, 2**33, 2**36)
    assert listed.started_at <= listed.seen_at


def test_no_worker_is_an_empty_list(http: httpx2.Client) -> None:
    assert http.get("/v1/workers").json() == {"data": []}
