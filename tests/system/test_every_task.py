"""Every task with every kind of model, all at once on one worker: right sizes, and reproducible pixels."""

import base64
import io
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

from renderq.contract import TASKS
from tests.system.service import Service
from tests.system.tiny_catalog import write_catalog

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]


def data_url(pixels: np.ndarray) -> str:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


COLORS = np.random.default_rng(7).integers(0, 256, (3, 5, 3), np.uint8)
PHOTO = {"image": data_url(np.kron(COLORS, np.ones((10, 10, 1), np.uint8)))}
"""50 × 30 pixels."""
LARGE_PHOTO = data_url(np.kron(COLORS, np.ones((32, 32, 1), np.uint8)))
DEPTH_MAP = data_url(np.arange(50 * 30, dtype=np.uint16).reshape(30, 50) * 40)
"""16 bits per pixel."""
MASK = data_url(np.repeat(np.uint8([0, 255]), 25)[None].repeat(30, axis=0))

WANTED: dict[str, tuple[tuple[int, int], dict[str, Any]]] = {
    "words": ((64, 64), {"steps": 4}),
    "less contrast": ((64, 64), {"steps": 4, "guidance_rescale": 1.0}),
    "img2img": ((48, 24), {"task": "img2img", **PHOTO, "steps": 5}),
    "part": ((48, 24), {"task": "inpaint", **PHOTO, "mask": MASK, "steps": 4}),
    "edge": ((56, 40), {"task": "outpaint", **PHOTO, "extend": {"left": 8, "top": 16}, "steps": 4}),
    "variation": ((48, 24), {"task": "variation", **PHOTO, "prompt": "", "steps": 5}),
    "own depth": ((48, 24), {"model": "depth", "task": "depth2img", **PHOTO}),
    "given depth": ((48, 24), {"model": "depth", "task": "depth2img", **PHOTO, "depth_map": DEPTH_MAP}),
    "larger": ((192, 112), {"model": "upscaler", "task": "upscale", **PHOTO, "prompt": ""}),
    "larger yet smaller": ((80, 48), {"model": "upscaler", "task": "upscale", **PHOTO, "width": 20}),
    "part by channels": ((48, 24), {"model": "inpainting", "task": "inpaint", **PHOTO, "mask": MASK}),
    "SDXL": ((72, 64), {"model": "xl", "width": 72, "clip_skip": 1}),
    "a .ckpt": ((64, 64), {"model": "sd1"}),
    "fewer layers": ((64, 64), {"model": "sd1", "clip_skip": 1}),
    "velocity": ((64, 64), {"model": "sd2-v", "scheduler": "euler", "schedule": "karras"}),
    "transformer": ((48, 64), {"model": "sd3", "width": 48}),
    "img2img by a transformer": ((48, 16), {"model": "sd3", "task": "img2img", **PHOTO, "steps": 5}),
    "edited": ((160, 96), {"model": "klein", "task": "edit", "images": [LARGE_PHOTO] * 2, "steps": 2}),
}
"""A request, and the size of its image."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("tiny")
    with Service(folder / "data", models=write_catalog(folder)) as service:
        yield service


def test_every_task_gives_its_image_and_gives_it_again(service: Service) -> None:
    models = service.http.get("/v1/models").json()["data"]
    assert {task for model in models for task in model["tasks"]} == set(TASKS)
    first = {name: service.submit(**{"seed": 7, **fields}) for name, (_, fields) in WANTED.items()}
    again = {name: service.submit(**job["request"]) for name, job in reversed(first.items())}
    images = {name: output(service, job) for name, job in first.items()}
    assert {name: (one["width"], one["height"]) for name, one in images.items()} == {
        name: size for name, (size, _) in WANTED.items()
    }
    assert len({one["pixel_sha256"] for one in images.values()}) == len(WANTED)
    for name, job in again.items():
        repeated = output(service, job)
        for digest in ("pixel_sha256", "sha256"):
            assert repeated[digest] == images[name][digest], name
    file = service.image(service.job(first["fewer layers"]["id"]), 0)
    recipe = json.loads(Image.open(io.BytesIO(file)).text["renderq"])
    assert (recipe["request"]["clip_skip"], recipe["request"]["guidance_rescale"]) == (1, 0)
    assert recipe["request"]["schedule"] is None


def output(service: Service, job: dict[str, Any]) -> dict[str, Any]:
    """Wait until the job succeeds, and return its one image."""
    ended = service.wait_until_ended(job["id"])
    assert ended["status"] == "succeeded", ended
    [one] = ended["outputs"]
    return one
