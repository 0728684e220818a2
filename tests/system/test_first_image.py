"""A prompt or an image goes in over HTTP, an image comes back."""

import base64
import hashlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.system.service import Service

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def service(shipped_service: Service) -> Service:
    return shipped_service


def test_a_prompt_becomes_an_image(service: Service) -> None:
    job = service.wait_until_ended(service.submit()["id"])
    assert job["status"] == "succeeded", job
    assert (job["attempt"], job["stage"], job["error"]) == (1, None, None)
    [output] = job["outputs"]
    data = service.image(job, 0)
    assert hashlib.sha256(data).hexdigest() == output["sha256"]
    assert output["size_bytes"] == len(data)
    image = Image.open(io.BytesIO(data))
    assert (image.format, image.size, image.mode) == ("PNG", (output["width"], output["height"]), "RGB")
    assert hashlib.sha256(image.tobytes()).hexdigest() == output["pixel_sha256"]
    assert job["progress"]["value"] == 1.0
    assert job["expires_at"] is None  # on one's own machine, all is kept
    assert job["metrics"]["inference_ms"] > 0


def test_four_images_have_four_seeds_and_each_can_be_made_again_alone(service: Service) -> None:
    four = service.wait_until_ended(service.submit(n=4, seed=100)["id"])
    assert [output["seed"] for output in four["outputs"]] == [100, 101, 102, 103]
    assert len({output["sha256"] for output in four["outputs"]}) == 4
    alone = service.wait_until_ended(service.submit(seed=102)["id"])
    assert service.image(alone, 0) == service.image(four, 2)


def test_same_seed_same_bytes(service: Service) -> None:
    first, second = (service.wait_until_ended(service.submit(seed=7, steps=8)["id"]) for _ in range(2))
    assert first["id"] != second["id"]
    assert service.image(first, 0) == service.image(second, 0)


def test_the_seed_that_was_drawn_makes_the_image_again(service: Service) -> None:
    drawn = service.wait_until_ended(service.submit(steps=4)["id"])
    again = service.http.post("/v1/jobs", json=drawn["request"])
    assert again.status_code == 201, again.text
    assert service.image(service.wait_until_ended(again.json()["id"]), 0) == service.image(drawn, 0)


@pytest.mark.parametrize(("name", "pillow_name"), [("jpeg", "JPEG"), ("webp", "WEBP")])
def test_other_file_formats(service: Service, name: str, pillow_name: str) -> None:
    job = service.wait_until_ended(service.submit(steps=2, output={"format": name})["id"])
    assert job["status"] == "succeeded", job
    assert job["outputs"][0]["content_type"] == f"image/{name}"
    assert Image.open(io.BytesIO(service.image(job, 0))).format == pillow_name


def test_bench_counts_what_comes_out(service: Service) -> None:
    argv = [
        sys.executable,
        "-m",
        "renderq",
        "bench",
        "a red circle",
        "--jobs",
        "3",
        "-n",
        "2",
        "--steps",
        "2",
        "--json",
    ]
    done = subprocess.run(
        argv, env={**os.environ, "RENDERQ_URL": service.url}, capture_output=True, text=True, timeout=90
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert (figures["jobs"], figures["images"], figures["unsuccessful"]) == (3, 6, 0)
    assert figures["images_per_second"] == pytest.approx(6 / figures["seconds"], rel=0.01)
    assert figures["milliseconds"]["total"]["p95"] >= figures["milliseconds"]["queue"]["p50"]


def test_a_file_describes_itself_and_is_reproduced_from_its_recipe(service: Service, tmp_path: Path) -> None:
    def renderq(*argv: str) -> Any:
        whole = [sys.executable, "-m", "renderq", *argv, "--json"]
        url = {"RENDERQ_URL": service.url}
        done = subprocess.run(
            whole, cwd=tmp_path, env={**os.environ, **url}, capture_output=True, text=True, timeout=90
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    size = ("--width", "256", "--height", "256", "--steps", "2", "-n", "2")
    ran = renderq("run", "a red circle", *size, "--watermark", "by us", "--grid", "all.png", "-o", "out.png")
    assert ran["files"] == ["out-0.png", "out-1.png", "all.png"]
    report, output = renderq("inspect", "out-1.png"), ran["job"]["outputs"][1]
    assert (report["watermark"]["text"], report["watermark"]["named_by_recipe"]) == ("by us", True)
    assert (report["sha256"], report["pixel_sha256"]) == (output["sha256"], output["pixel_sha256"])
    assert renderq("inspect", "all.png")["watermark"]["text"] == "by us"
    renderq("run", "--from", "out-1.png", "-o", "again.png")
    assert (tmp_path / "again.png").read_bytes() == (tmp_path / "out-1.png").read_bytes()


def test_cancel_while_running_and_while_queued(service: Service) -> None:
    running = service.submit(n=16, steps=150)
    service.wait_until(running["id"], lambda job: job["progress"]["step"] > 0)
    queued = service.submit()
    assert (queued["status"], queued["wait_reason"], queued["queue_position"]) == ("queued", "queued", 0)
    at_once = service.http.post(f"/v1/jobs/{queued['id']}/cancel")
    assert (at_once.status_code, at_once.json()["status"]) == (200, "canceled")
    asked = service.http.post(f"/v1/jobs/{running['id']}/cancel")
    assert asked.json()["status"] in {"canceling", "canceled"}
    ended = service.wait_until_ended(running["id"])
    assert ended["status"] == "canceled"
    assert ended["progress"]["value"] < 1
    again = service.http.post(f"/v1/jobs/{running['id']}/cancel")
    assert (again.status_code, again.json()["version"]) == (200, ended["version"])


def uploaded(service: Service, file: bytes) -> str:
    response = service.http.post("/v1/assets", files={"file": file})
    assert response.status_code == 201, response.text
    return response.json()["id"]


def pixels(file: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(file)).convert("RGB")).astype(int)


def png(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(array.astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def made(service: Service, **fields: Any) -> tuple[dict[str, Any], bytes]:
    job = service.wait_until_ended(service.submit(steps=6, seed=3, **fields)["id"])
    assert job["status"] == "succeeded", job
    return job, service.image(job, 0)


def test_images_from_input_images(service: Service) -> None:
    _, original = made(service)
    before = pixels(original)
    side = before.shape[0]
    block = service.http.get("/v1/models").json()["data"][0]["limits"]["size_multiple"]
    image = uploaded(service, original)

    job, near = made(service, task="img2img", image=image, strength=0.2, prompt="a green star on a white background")
    _, far = made(service, task="img2img", image=image, strength=1, prompt="a green star on a white background")
    assert pixels(near).shape == before.shape
    assert np.abs(pixels(near) - before).mean() < np.abs(pixels(far) - before).mean()
    again = service.http.post("/v1/jobs", json=job["request"]).json()
    assert service.image(service.wait_until_ended(again["id"]), 0) == near

    half = np.zeros((side, side))
    half[:, side // 2 :] = 255
    mask = f"data:image/png;base64,{base64.b64encode(png(half)).decode()}"
    _, painted = made(service, task="inpaint", image=image, mask=mask)
    assert np.array_equal(pixels(painted)[:, : side // 2], before[:, : side // 2])
    assert not np.array_equal(pixels(painted), before)

    _, extended = made(service, task="outpaint", image=image, extend={"right": 64})
    assert pixels(extended).shape == (side, side + 64, 3)
    assert np.array_equal(pixels(extended)[:, : side - 2 * block], before[:, : side - 2 * block])

    _, varied = made(service, task="variation", image=image, prompt="")
    assert pixels(varied).shape == before.shape
