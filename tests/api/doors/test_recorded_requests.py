"""Requests as programs that cannot run in a test send them, read as those programs read the responses.

Sources: `backend/open_webui/routers/images.py` of Open WebUI; `DALLE3.js` and `StableDiffusion.js` in
`api/app/clients/tools/structured` of LibreChat; `OpenAi/actions/image/generate.operation.ts` of n8n.
"""

import json
from typing import Any

import httpx2
import pytest

from renderq_shared.jobs import JobRecord
from tests.api.assets.image_files import image_file
from tests.api.doors.conftest import IMAGE_BASE64, Call, claim
from tests.api.worker import IMAGE_BYTES, Worker

GENERATIONS = "/v1/images/generations"

OPEN_WEBUI = {"model": "gpt-image-1.5", "prompt": "x", "n": 1, "size": "1024x1024", "response_format": "b64_json"}
N8N = {"prompt": "x", "model": "dall-e-3", "response_format": "b64_json"}
N8N_OPTIONS = {"quality": "hd", "size": "1792x1024", "style": "natural"}
LIBRECHAT = {
    "model": "dall-e-3",
    "quality": "standard",
    "style": "vivid",
    "size": "1024x1792",
    "prompt": "A drawing of a lighthouse, calm and wide",
    "n": 1,
}


def request_of(record: JobRecord) -> dict[str, Any]:
    return json.loads(record.request_json)


@pytest.mark.parametrize(
    ("path", "sent", "size"),
    [
        (GENERATIONS, OPEN_WEBUI, (64, 64)),
        (f"{GENERATIONS}?api-version=2024-10-21", {**OPEN_WEBUI, "size": "auto"}, (64, 64)),
        (GENERATIONS, N8N, (64, 64)),
        (GENERATIONS, {**N8N, **N8N_OPTIONS}, (80, 48)),
    ],
)
def test_a_program_that_reads_files_gets_them(
    http: httpx2.Client, worker: Worker, call: Call, path: str, sent: dict[str, Any], size: tuple[int, int]
) -> None:
    made = call(http.post, path, json=sent)
    request = request_of(worker.finish(claim(worker)))
    response = made.result()
    assert response.status_code == 200
    assert response.json()["data"] == [{"b64_json": IMAGE_BASE64}]  # with a url, Open WebUI would load that
    assert (request["width"], request["height"]) == size


def test_librechat_finds_an_address_to_load(http: httpx2.Client, worker: Worker, call: Call) -> None:
    made = call(http.post, GENERATIONS, json=LIBRECHAT)
    worker.finish(claim(worker))
    [image] = made.result().json()["data"]
    assert http.get(image["url"]).content == IMAGE_BYTES


@pytest.mark.parametrize("name", ["image", "image[]"])
def test_open_webui_edits_an_image(http: httpx2.Client, worker: Worker, call: Call, name: str) -> None:
    fields = {"model": "gpt-image-1.5", "prompt": "x", "n": "1", "background": "auto", "response_format": "b64_json"}
    files = [(name, ("generated-image.png", image_file("PNG", 64, 32), "image/png"))]
    made = call(http.post, "/v1/images/edits", data=fields, files=files)
    request = request_of(worker.finish(claim(worker)))
    assert made.result().json()["data"] == [{"b64_json": IMAGE_BASE64}]
    assert (request["task"], request["width"], request["height"]) == ("img2img", 64, 32)


def test_librechat_reads_the_size_and_seed_of_an_image_of_the_web_ui(
    http: httpx2.Client, worker: Worker, call: Call
) -> None:
    sent = {"prompt": "x", "negative_prompt": "y", "cfg_scale": 4.5, "steps": 22, "width": 1024, "height": 1024}
    made = call(http.post, "/sdapi/v1/txt2img", json=sent)
    request = request_of(worker.finish(claim(worker)))
    response = made.result().json()
    info = json.loads(response["info"])
    assert response["images"] == [IMAGE_BASE64]
    assert (info["width"], info["height"], info["seed"]) == (64, 64, request["seed"])
    assert info["infotexts"][0].split("\n")[-1].startswith("Steps: 22, ")
