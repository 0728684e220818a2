"""`/sdapi/v1/extra-single-image` and `/sdapi/v1/png-info`."""

import base64
import io
import json
import shutil
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from renderq.contract import OutputOptions, parse_resolved_request
from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.objects import FolderStore
from renderq_worker.output import encode, image_recipe
from tests.api.assets.image_files import image_file
from tests.api.conftest import SettingsFor
from tests.api.doors.conftest import Call, claim
from tests.api.running_api import RunningApi
from tests.api.worker import Worker
from tests.fast_model.catalog import MODELS_TOML
from tests.shared.renderq.image_files.infotexts import INFOTEXT, exif_with
from tests.shared.renderq.image_files.test_infotext_writer import REQUEST, infotext

ENLARGE, PNG_INFO = "/sdapi/v1/extra-single-image", "/sdapi/v1/png-info"
PICTURE = base64.b64encode(image_file("PNG", 64, 32)).decode()


def opened(text: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(text)))


@pytest.mark.parametrize(
    ("sent", "size"),
    [
        ({}, (128, 64)),
        ({"upscaler_1": "Nearest", "upscaling_resize": 1.5}, (96, 48)),
        ({"upscaler_1": "Lanczos", "resize_mode": 1, "upscaling_resize_w": 64, "upscaling_resize_h": 64}, (64, 64)),
        (
            {"resize_mode": 1, "upscaling_resize_w": 64, "upscaling_resize_h": 64, "upscaling_crop": False},
            (128, 64),
        ),
    ],
)
def test_an_image_is_resized_without_a_job(http: httpx2.Client, sent: dict[str, Any], size: tuple[int, int]) -> None:
    response = http.post(ENLARGE, json={"image": f"data:image/png;base64,{PICTURE}", "gfpgan_visibility": 0, **sent})
    assert (opened(response.json()["image"]).size, response.json()["html_info"]) == (size, "")
    assert "x-renderq-ignored" not in response.headers
    assert http.get("/v1/jobs").json()["data"] == []


@pytest.mark.parametrize(
    ("sent", "status", "told"),
    [
        ({"upscaler_1": "R-ESRGAN 4x+"}, 400, "Upscaler not found: R-ESRGAN 4x+; there are None, Lanczos, Nearest."),
        ({"upscaler_1": "shapes"}, 400, "Upscaler not found: shapes"),
        ({"upscaling_resize": 9}, 422, "upscaling_resize: Must be at most 8, not 9."),
        ({"image": "?"}, 422, "image: "),
        ({"resize_mode": 1, "upscaling_resize_w": 16_384}, 422, "upscaling_resize: The result would have 16,384"),
    ],
)
def test_what_cannot_be_enlarged_is_refused(http: httpx2.Client, sent: dict[str, Any], status: int, told: str) -> None:
    response = http.post(ENLARGE, json={"image": PICTURE, **sent})
    assert response.status_code == status
    assert response.json()["detail"].startswith(told)


def test_what_is_ignored_is_named(http: httpx2.Client) -> None:
    response = http.post(ENLARGE, json={"image": PICTURE, "codeformer_visibility": 0.5})
    assert response.headers["x-renderq-ignored"] == "codeformer_visibility"


def png_with(**texts: str) -> bytes:
    file, info = io.BytesIO(), PngInfo()
    for name, text in texts.items():
        info.add_itxt(name, text)
    Image.new("RGB", (8, 8)).save(file, "PNG", pnginfo=info)
    return file.getvalue()


def jpeg_with(text: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "JPEG", exif=exif_with(text))
    return file.getvalue()


def webp_with(exif: bytes) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "WEBP", exif=exif)
    return file.getvalue()


def own_jpeg() -> bytes:
    recipe = image_recipe(parse_resolved_request(REQUEST), 0, "6ce0161689b3853a")
    options = OutputOptions.model_validate({"format": "jpeg"})
    return encode(np.zeros((8, 8, 3), np.uint8), options, recipe).data


def read(http: httpx2.Client, file: bytes) -> dict[str, Any]:
    response = http.post(PNG_INFO, json={"image": base64.b64encode(file).decode()})
    assert response.status_code == 200
    return response.json()


def test_the_settings_of_an_image_are_read(http: httpx2.Client) -> None:
    told = read(http, png_with(parameters=INFOTEXT, Software="another"))
    assert (told["info"], told["items"]) == (INFOTEXT, {"Software": "another"})
    parameters = told["parameters"]
    assert (parameters["Negative prompt"], parameters["Sampler"]) == ("blurry, dark", "DPM++ 2M")
    assert (parameters["Size-1"], parameters["Size-2"], parameters["Lora hashes"]) == ("512", "768", "a: 1f, b: 2e")
    assert read(http, jpeg_with(INFOTEXT))["info"] == INFOTEXT
    assert read(http, own_jpeg())["info"] == infotext()
    damaged = webp_with(exif_with(INFOTEXT).tobytes().replace(b"MM\0*", b"??\0*"))
    assert read(http, damaged)["info"] == ""
    assert read(http, image_file()) == {"info": "", "items": {}, "parameters": {}}


@pytest.mark.parametrize(
    "texts",
    [
        {"parameters": r'a\nSteps: 1, Model: "\ud800"'.replace(r"\n", "\n")},
        {"renderq": json.dumps({"renderq": 1, "model_revision": "\ud800", "request": REQUEST})},
    ],
)
def test_half_of_a_surrogate_pair_in_a_file_does_no_harm(http: httpx2.Client, texts: dict[str, str]) -> None:
    read(http, png_with(**texts))


@pytest.fixture
def upscaler(tmp_path: Path) -> Path:
    """A catalog with the fast model, and the same as an upscaler; as far as the API looks into its files."""
    folder = tmp_path / "upscaler"
    shutil.copytree(MODELS_TOML.parent / "shapes", folder)
    for file, change in {
        "model_index.json": {"_class_name": "StableDiffusionUpscalePipeline"},
        "unet/config.json": {"in_channels": 16 + 3},
    }.items():
        (folder / file).write_text(json.dumps({**json.loads((folder / file).read_text()), **change}))
    models = tmp_path / "models.toml"
    models.write_text(
        f'[models.shapes]\nsource = "{MODELS_TOML.parent}/shapes"\n[models.enlarger]\nsource = "upscaler"\n'
    )
    return models


@pytest.mark.parametrize(("sent", "size"), [({}, (128, 64)), ({"upscaling_resize": 4}, (256, 128))])
def test_a_model_enlarges_an_image(
    settings_for: SettingsFor,
    store: RedisJobStore,
    upscaler: Path,
    call: Call,
    sent: dict[str, Any],
    size: tuple[int, int],
) -> None:
    with RunningApi(settings_for(models=upscaler)) as api, api.client() as http:
        assert [each["name"] for each in http.get("/sdapi/v1/upscalers").json()][-1] == "enlarger"
        assert [each["title"] for each in http.get("/sdapi/v1/sd-models").json()] == ["shapes"]
        worker = Worker(store, FolderStore(api.settings.store_folder), "enlarger", image_file("PNG", 256, 128))
        worker.register()
        made = call(http.post, ENLARGE, json={"image": PICTURE, "upscaler_1": "enlarger", **sent})
        record = worker.finish(claim(worker))
        response = made.result()
        assert opened(response.json()["image"]).size == size
        assert response.headers["x-renderq-job"] == record.id
        assert (record.task, record.model, record.door) == ("upscale", "enlarger", "a1111")
