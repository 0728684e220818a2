"""Clients of AUTOMATIC1111's web UI, pointed at the whole service by its address alone."""

import base64
import io
import json
from typing import Any

import pytest
from PIL import Image

from tests.system.judges import run_judge
from tests.system.service import Service

pytestmark = pytest.mark.system


@pytest.mark.timeout(300)
def test_webuiapi(service: Service) -> None:
    told: dict[str, Any] = run_judge("webuiapi_judge.py", service.url.rsplit(":", 1)[1].strip("/"))
    assert (told["sizes"], told["seeds"], told["sampler"]) == ([[64, 64]] * 2, [42, 43], "Euler a")
    assert told["chunks"] == told["infotexts"]
    assert told["png_info"] == told["infotexts"][0]
    assert [told["whole"], told["enlarged"]] == [[64, 64], [96, 96]]
    (red, green, blue), corner = told["part"]
    assert corner == [0, 0, 255]
    assert (red > 180, green < 90, blue < 90) == (True, True, True)
    assert told["refusal"][0] == 400
    assert "Sampler not found: nonsense" in told["refusal"][1]
    assert 0 < told["progress"] <= 1
    assert told["interrupted"] < 8
    assert (told["models"], told["model"]) == (["shapes"], "shapes")
    assert {"Euler a", "DPM++ 2M"} <= set(told["samplers"])
    assert {"automatic", "karras"} <= set(told["schedule_types"])
    assert told["upscalers"] == ["None", "Lanczos", "Nearest"]
    assert told["empty"] == [[]] * 7
    assert told["refreshed"] == [None, None]


def test_open_webui(service: Service) -> None:
    """Its requests, with the header that it sends without a key, `Basic` and nothing."""
    http, headers = service.http, {"authorization": "Basic"}
    options = http.get("/sdapi/v1/options", headers=headers).json()
    assert (
        http.post("/sdapi/v1/options", json={**options, "sd_model_checkpoint": "shapes"}, headers=headers).json()
        is None
    )
    [model] = http.get("/sdapi/v1/sd-models", headers=headers).json()
    assert (model["title"], model["model_name"]) == ("shapes", "shapes")
    sent = {"prompt": "a red circle", "batch_size": 1, "width": 1024, "height": 1024, "steps": 5}
    response = http.post("/sdapi/v1/txt2img", json=sent, headers=headers)
    assert response.status_code == 200
    image = Image.open(io.BytesIO(base64.b64decode(response.json()["images"][0])))
    assert image.size == (64, 64), "a size that the model cannot render becomes its own"
    info = json.loads(response.json()["info"])
    assert image.info["parameters"] == info["infotexts"][0]
