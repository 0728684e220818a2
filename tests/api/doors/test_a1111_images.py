"""`/sdapi/v1/txt2img` and `/sdapi/v1/img2img`."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import httpx2
import pytest
from PIL import Image

from renderq.contract import LIMITS, JobErrorCode, Status
from renderq_api.assets import ImageRejected
from renderq_api.doors.a1111.errors import end_without_images
from renderq_api.doors.a1111.fields import Img2ImgFields, parse_fields
from renderq_api.doors.a1111.input_images import crop_center, decode_image, prepare_mask
from renderq_shared.jobs import JobRecord
from tests.api.assets.image_files import image_file
from tests.api.conftest import SettingsFor
from tests.api.doors.conftest import IMAGE_BASE64, Call, claim
from tests.api.doors.test_openai_generations import ended_job, raw_request
from tests.api.running_api import RunningApi
from tests.api.worker import Worker
from tests.polling import wait_until

TXT2IMG, IMG2IMG = "/sdapi/v1/txt2img", "/sdapi/v1/img2img"

SENT_BY_SILLYTAVERN: dict[str, Any] = {
    "url": "http://127.0.0.1:8400",
    "auth": "u:SECRET",
    "prompt": "a (red:1.2) circle",
    "negative_prompt": "blur",
    "sampler_name": "DPM++ 2M Karras",
    "scheduler": "Karras",
    "steps": 20,
    "cfg_scale": 7,
    "width": 512,
    "height": 512,
    "restore_faces": True,
    "enable_hr": False,
    "hr_upscaler": "Latent",
    "hr_scale": 2,
    "hr_additional_modules": [],
    "denoising_strength": 0.7,
    "hr_second_pass_steps": 0,
    "seed": 7,
    "override_settings": {"CLIP_stop_at_last_layers": 1, "forge_additional_modules": ["SECRET"]},
    "override_settings_restore_afterwards": True,
    "clip_skip": 1,
    "save_images": True,
    "send_images": True,
    "do_not_save_grid": False,
    "do_not_save_samples": False,
}
"""Body of `generateAutoImage`."""


def request_of(record: JobRecord) -> dict[str, Any]:
    return json.loads(record.request_json)


def encoded(file: bytes) -> str:
    return base64.b64encode(file).decode()


def png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def opened(file: bytes) -> Image.Image:
    return Image.open(io.BytesIO(file))


def test_a_request_is_rendered(
    http: httpx2.Client, worker: Worker, call: Call, capfd: pytest.CaptureFixture[str]
) -> None:
    made = call(http.post, TXT2IMG, json={**SENT_BY_SILLYTAVERN, "batch_size": 2})
    record = worker.finish(claim(worker))
    response = made.result()
    assert response.status_code == 200
    assert (response.headers["x-renderq-job"], response.headers["x-renderq-ignored"]) == (record.id, "restore_faces")
    content = response.json()
    assert content["images"] == [IMAGE_BASE64] * 2
    expected = {"prompt": "a (red:1.2) circle", "scheduler": "dpmpp_2m_karras", "guidance_scale": 7, "n": 2, "seed": 7}
    assert expected.items() <= request_of(record).items()
    info = json.loads(content["info"])
    assert (info["all_seeds"], info["sampler_name"], info["clip_skip"]) == ([7, 8], "DPM++ 2M", 1)
    assert info["extra_generation_params"] == {"Schedule type": "Karras"}
    assert [text.split("Seed: ")[1].split(",")[0] for text in info["infotexts"]] == ["7", "8"]
    assert "Model hash: abc, Model: shapes" in info["infotexts"][0]
    assert content["parameters"]["steps"] == 20
    assert content["parameters"]["override_settings"] == {"CLIP_stop_at_last_layers": 1}
    assert http.get(f"/v1/jobs/{record.id}").json()["door"] == "a1111"
    assert "SECRET" not in "".join((response.text, str(response.headers), capfd.readouterr().out, str(record)))


def test_images_are_left_out_on_request(http: httpx2.Client, worker: Worker, call: Call) -> None:
    made = call(http.post, TXT2IMG, json={"send_images": False})
    worker.finish(claim(worker))
    assert made.result().json()["images"] == []


def test_fields_are_repeated_however_deep_they_nest(http: httpx2.Client, worker: Worker, call: Call) -> None:
    nested = "[" * 500 + "]" * 500
    headers = {"Content-Type": "application/json"}
    made = call(http.post, TXT2IMG, content=f'{{"prompt": "x", "styles": {nested}}}', headers=headers)
    worker.finish(claim(worker))
    assert nested in made.result().text


def test_a_repeat_with_its_key_finds_the_job(http: httpx2.Client, worker: Worker, call: Call) -> None:
    body, headers = {"prompt": "x", "seed": 3}, {"Idempotency-Key": "a1111-17"}
    made = call(http.post, TXT2IMG, json=body, headers=headers)
    worker.finish(claim(worker))
    again = http.post(TXT2IMG, json=body, headers=headers)
    assert again.json() == made.result().json()


def test_a_client_that_hangs_up_and_interrupts_leaves_no_job(
    api: RunningApi, http: httpx2.Client, capfd: pytest.CaptureFixture[str]
) -> None:
    connection = raw_request(api, SENT_BY_SILLYTAVERN, TXT2IMG)
    [job] = wait_until(lambda: http.get("/v1/jobs").json()["data"])
    connection.close()
    assert http.post("/sdapi/v1/interrupt", json={"auth": "u:SECRET"}).status_code == 200
    assert http.get(f"/v1/jobs/{job['id']}").json()["status"] == "canceled"
    assert "SECRET" not in capfd.readouterr().out


@pytest.mark.parametrize(
    ("sent", "status", "code", "told"),
    [
        ({"sampler_name": "nonsense"}, 400, "invalid_request", "Sampler not found: nonsense; there are "),
        ({"override_settings": {"sd_model_checkpoint": "n"}}, 400, "model_not_found", "There is no model n; there are"),
        ({"override_settings": {"sd_model_checkpoint": "n" * 301}}, 422, "invalid_request", "override_settings: May"),
        ({"enable_hr": True}, 422, "invalid_request", "enable_hr: This service does not enlarge"),
        ({"cfg_scale": 51}, 422, "invalid_request", "cfg_scale: Must be at most 50, not 51."),
        ({"clip_skip": 20}, 422, "invalid_request", "clip_skip: May be at most"),
    ],
)
def test_a_refusal_says_why(http: httpx2.Client, sent: dict[str, Any], status: int, code: str, told: str) -> None:
    response = http.post(TXT2IMG, json=sent)
    assert (response.status_code, response.headers["content-type"]) == (status, "application/json")
    content = response.json()
    assert (content["error"], content["body"], content["errors"]) == (code, "", content["detail"])
    assert content["detail"].startswith(told)
    assert http.get("/v1/jobs").json()["data"] == []


def test_a_job_that_fails_is_an_error_with_its_reason(http: httpx2.Client, worker: Worker, call: Call) -> None:
    made = call(http.post, TXT2IMG, json={"prompt": "x"})
    worker.fail(claim(worker))
    response = made.result()
    assert (response.status_code, response.json()["error"]) == (500, "nan_output")
    assert response.json()["detail"] == "The image contains NaN."


@pytest.mark.parametrize(
    ("status", "error", "told"),
    [
        (Status.SUCCEEDED, None, None),
        (Status.CANCELED, None, None),
        (Status.CANCELING, None, 400),
        (Status.EXPIRED, None, 504),
        (Status.FAILED, JobErrorCode.OUT_OF_MEMORY, 422),
        (Status.FAILED, JobErrorCode.STORAGE_FAILED, 503),
    ],
)
def test_how_the_end_of_a_job_is_told(status: Status, error: str | None, told: int | None) -> None:
    end = end_without_images(ended_job(status, error))
    assert (end and end.status) == told


def test_a_wrong_key_is_asked_for_as_password(settings_for: SettingsFor) -> None:
    with RunningApi(settings_for(keys="required")) as api, api.client() as http:
        response = http.post(TXT2IMG, json={"prompt": "x"}, auth=("any", "rq_wrong"))
    assert (response.status_code, response.json()["error"]) == (401, "unauthorized")
    assert response.headers["www-authenticate"] == 'Basic realm="renderq"'


def test_a_closed_door_is_not_there(settings_for: SettingsFor) -> None:
    with RunningApi(settings_for(doors="openai")) as api, api.client() as http:
        assert http.post(TXT2IMG, json={"prompt": "x"}).json()["code"] == "not_found"
        assert http.get("/internal/ping").status_code == 404


PICTURE = image_file("PNG", 64, 32)


@pytest.mark.parametrize("prefix", ["", "data:image/png;base64,"])
def test_an_image_is_changed(http: httpx2.Client, worker: Worker, call: Call, prefix: str) -> None:
    sent = {"init_images": [prefix + encoded(PICTURE)], "prompt": "x", "denoising_strength": 0.5, "image_cfg_scale": 7}
    made = call(http.post, IMG2IMG, json=sent)
    record = worker.finish(claim(worker))
    response = made.result()
    assert response.json()["images"] == [IMAGE_BASE64]
    assert "init_images" not in response.json()["parameters"]
    request = request_of(record)
    assert {"task": "img2img", "strength": 0.5, "width": 64, "height": 32}.items() <= request.items()
    assert http.get(f"/v1/assets/{request['image']}").json()["width"] == 64
    assert json.loads(response.json()["info"])["denoising_strength"] == 0.5


def test_the_masked_part_of_an_image_is_made_anew(http: httpx2.Client, worker: Worker, call: Call) -> None:
    mask = Image.new("L", (64, 32))
    mask.paste(255, (0, 0, 32, 32))
    sent = {"init_images": [encoded(PICTURE)], "mask": encoded(png(mask)), "mask_blur": 0, "resize_mode": 1}
    made = call(http.post, IMG2IMG, json={**sent, "prompt": "x", "width": 32, "height": 32})
    record = worker.finish(claim(worker))
    assert made.result().status_code == 200
    request = request_of(record)
    assert {"task": "inpaint", "strength": 0.75, "width": 32, "height": 32}.items() <= request.items()
    cropped = opened(http.get(f"/v1/assets/{request['mask']}/content", follow_redirects=True).content)
    assert (cropped.size, cropped.getpixel((0, 0)), cropped.getpixel((31, 0))) == ((32, 32), 255, 0)


@pytest.mark.parametrize(
    ("sent", "status", "told"),
    [
        ({"init_images": ["not base64!"]}, 422, "init_images: "),
        ({"init_images": ["http://a.example/b.png"]}, 422, "init_images: The image cannot be read: addresses with"),
        ({"init_images": [encoded(b"no image")]}, 415, "The image must be PNG"),
        ({"init_images": [encoded(PICTURE)], "mask": "?"}, 422, "mask: "),
        ({}, 422, "init_images: This field is required."),
    ],
)
def test_an_image_that_cannot_be_used_is_refused(
    http: httpx2.Client, api: RunningApi, sent: dict[str, Any], status: int, told: str
) -> None:
    assets = Path(api.settings.store_folder) / "assets"
    before = set(assets.rglob("*.png"))
    response = http.post(IMG2IMG, json={"prompt": "x", **sent})
    assert response.status_code == status
    assert response.json()["detail"].startswith(told)
    assert set(assets.rglob("*.png")) == before


def test_an_image_obeys_the_limit_of_assets() -> None:
    with pytest.raises(ImageRejected, match="too large"):
        decode_image(encoded(bytes(LIMITS.asset_bytes + 1)))


def mask_fields(**sent: Any) -> Img2ImgFields:
    return parse_fields(Img2ImgFields, {"init_images": ["AAAA"], "mask_blur": 0, **sent})


def test_masks() -> None:
    mask = Image.new("L", (8, 8))
    mask.putpixel((0, 0), 255)
    assert [opened(prepare_mask(png(mask), mask_fields())).getpixel((x, 0)) for x in (0, 1)] == [255, 0]
    inverted = opened(prepare_mask(png(mask), mask_fields(inpainting_mask_invert=1)))
    assert [inverted.getpixel((x, 0)) for x in (0, 1)] == [0, 255]
    blurred = opened(prepare_mask(png(mask), mask_fields(mask_blur=2)))
    assert 0 < blurred.getpixel((1, 0)) < 255
    drawn = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    drawn.putpixel((0, 0), (0, 0, 0, 255))
    assert [opened(prepare_mask(png(drawn), mask_fields())).getpixel((x, 0)) for x in (0, 1)] == [255, 0]


@pytest.mark.parametrize("mode", ["RGB", "CMYK", "L"])
@pytest.mark.parametrize(
    ("size", "proportion", "cropped"),
    [((64, 32), (32, 32), (32, 32)), ((64, 32), (64, 32), (64, 32)), ((30, 90), (2, 1), (30, 15))],
)
def test_the_center_of_an_image_is_cut(
    size: tuple[int, int], proportion: tuple[int, int], cropped: tuple[int, int], mode: str
) -> None:
    image = Image.new("RGB", size, "white")
    image.paste((0, 0, 0), (size[0] // 2 - 2, size[1] // 2 - 2, size[0] // 2 + 2, size[1] // 2 + 2))
    file = io.BytesIO()
    image.convert(mode).save(file, "JPEG", quality=95)
    result = opened(crop_center(file.getvalue(), proportion)).convert("L")
    center, corner = result.getpixel((cropped[0] // 2, cropped[1] // 2)), result.getpixel((0, 0))
    assert (result.size, center < 60, corner > 200) == (cropped, True, True)
