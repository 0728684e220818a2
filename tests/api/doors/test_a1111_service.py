"""Progress, interruption, options and lists of AUTOMATIC1111's API."""

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

from renderq_api.doors.a1111.samplers import listed_samplers
from renderq_shared.jobs import commands
from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.objects import FolderStore
from tests.api.conftest import SettingsFor
from tests.api.doors.conftest import Call, claim
from tests.api.running_api import RunningApi
from tests.api.worker import Worker
from tests.fast_model.catalog import MODELS_TOML
from tests.polling import wait_until

SHAPES = MODELS_TOML.parent / "shapes"

IDLE = {
    "progress": 0,
    "eta_relative": 0,
    "state": {
        "skipped": False,
        "interrupted": False,
        "stopping_generation": False,
        "job": "",
        "job_count": 0,
        "job_timestamp": "0",
        "job_no": 0,
        "sampling_step": 0,
        "sampling_steps": 0,
    },
    "current_image": None,
    "textinfo": None,
}


def progress(http: httpx2.Client) -> dict[str, Any]:
    return http.get("/sdapi/v1/progress", params={"skip_current_image": "true"}).json()


def test_progress_is_that_of_the_oldest_unfinished_request(http: httpx2.Client, worker: Worker, call: Call) -> None:
    assert progress(http) == IDLE
    http.post("/v1/jobs", json={"prompt": "x"})
    assert progress(http) == IDLE, "it came through no door"
    worker.finish(claim(worker))
    made = call(http.post, "/sdapi/v1/txt2img", json={"prompt": "x", "batch_size": 2})
    record = claim(worker)
    later = call(http.post, "/sdapi/v1/txt2img", json={"prompt": "y"})
    wait_until(lambda: len(http.get("/v1/jobs", params={"status": "queued"}).json()["data"]) == 1)
    worker.report(record, "denoising", step=10, steps=40)
    told = progress(http)
    state = told["state"]
    assert (told["progress"], state["job"], state["job_count"]) == (0.25, record.id, 2)
    assert (state["sampling_step"], state["sampling_steps"], len(state["job_timestamp"])) == (10, 40, 14)
    worker.finish(record)
    assert made.result().status_code == 200
    assert progress(http)["progress"] == 0.01, "the later one waits"
    worker.finish(claim(worker))
    assert later.result().status_code == 200
    assert progress(http) == IDLE


@pytest.mark.parametrize(("route", "told"), [("interrupt", {}), ("skip", None)])
def test_an_interrupted_request_gets_what_was_finished(
    http: httpx2.Client, worker: Worker, call: Call, route: str, told: object
) -> None:
    native = http.post("/v1/jobs", json={"prompt": "x"}).json()["id"]
    worker.report(claim(worker), "denoising")
    made = call(http.post, "/sdapi/v1/txt2img", json={"prompt": "x"})
    record = claim(worker)
    assert http.post(f"/sdapi/v1/{route}").json() == told
    assert progress(http)["state"]["interrupted"]
    worker.cancel(record)
    response = made.result()
    assert (response.status_code, response.json()["images"]) == (200, [])
    assert http.get(f"/v1/jobs/{native}").json()["status"] == "running"
    assert http.post(f"/sdapi/v1/{route}").json() == told, "also without a request"


def test_the_model_that_was_chosen_is_that_of_later_requests(
    settings_for: SettingsFor, store: RedisJobStore, call: Call, tmp_path: Path
) -> None:
    models = tmp_path / "models.toml"
    models.write_text("".join(f'[models.{name}]\nsource = "{SHAPES}"\n' for name in ("first", "second")))
    with RunningApi(settings_for(models=models)) as api, api.client() as http:
        http.post("/sdapi/v1/options", json={"sd_model_checkpoint": "second"}).raise_for_status()
        worker = Worker(store, FolderStore(api.settings.store_folder), "second")
        worker.register()
        made = call(http.post, "/sdapi/v1/txt2img", json={"prompt": "x"})
        worker.finish(claim(worker))
        assert json.loads(made.result().json()["info"])["sd_model_name"] == "second"


def test_the_choice_of_a_model_is_kept(http: httpx2.Client, store: RedisJobStore) -> None:
    options = http.get("/sdapi/v1/options").json()
    assert (options["sd_model_checkpoint"], options["samples_format"]) == ("shapes", "png")
    assert "forge_preset" not in options, "clients take it as the mark of Forge"
    store.call(commands.choose_model("default", "removed"))
    assert http.get("/sdapi/v1/options").json() == options
    response = http.post("/sdapi/v1/options", json={**options, "sd_model_checkpoint": "shapes.safetensors [abc]"})
    assert (response.status_code, response.json()) == (200, None)
    assert store.call(commands.chosen_model("default")) == "shapes"
    unknown = http.post("/sdapi/v1/options", json={"sd_model_checkpoint": "nope"})
    assert (unknown.status_code, unknown.json()["error"]) == (400, "model_not_found")
    assert http.post("/sdapi/v1/options", json={"samples_format": "jpg"}).status_code == 200
    assert store.call(commands.chosen_model("default")) == "shapes"


def test_what_can_be_chosen_is_listed(http: httpx2.Client) -> None:
    [model] = http.get("/sdapi/v1/sd-models").json()
    assert (model["title"], model["model_name"], len(model["hash"]), model["sha256"]) == ("shapes", "shapes", 10, None)
    samplers = {each["name"]: each for each in http.get("/sdapi/v1/samplers").json()}
    assert list(samplers) == [name for name, _ in listed_samplers()]
    assert samplers["Euler a"] == {"name": "Euler a", "aliases": ["euler_a"], "options": {}}
    types = http.get("/sdapi/v1/schedulers").json()
    expected = {"name": "karras", "label": "Karras", "aliases": None, "default_rho": -1, "need_inner_model": False}
    assert expected in types
    assert [each["name"] for each in http.get("/sdapi/v1/upscalers").json()] == ["None", "Lanczos", "Nearest"]


@pytest.mark.parametrize(
    ("method", "path", "told"),
    [
        ("GET", "/internal/ping", {}),
        ("GET", "/sdapi/v1/loras", []),
        ("GET", "/sdapi/v1/sd-vae", []),
        ("GET", "/sdapi/v1/embeddings", {"loaded": {}, "skipped": {}}),
        ("GET", "/sdapi/v1/scripts", {"txt2img": [], "img2img": []}),
        ("GET", "/sdapi/v1/cmd-flags", {"api": True}),
        ("GET", "/sdapi/v1/memory", {"ram": {}, "cuda": {}}),
        ("POST", "/sdapi/v1/refresh-checkpoints", None),
        ("POST", "/sdapi/v1/unload-checkpoint", {}),
    ],
)
def test_what_renderq_does_not_have_is_empty(http: httpx2.Client, method: str, path: str, told: object) -> None:
    response = http.request(method, path)
    assert (response.status_code, response.json()) == (200, told)


@pytest.mark.parametrize("path", ["interrogate", "train/embedding", "server-kill", "extra-batch-images"])
def test_what_is_not_served_is_not_there(http: httpx2.Client, path: str) -> None:
    assert http.post(f"/sdapi/v1/{path}").status_code == 404
