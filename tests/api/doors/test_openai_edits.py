"""`POST /v1/images/edits` and `/v1/images/variations`, judged by OpenAI's own client."""

import io
import json
import tempfile
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from PIL import Image, ImageDraw

from renderq.contract import LIMITS
from renderq_api.assets import ImageRejected
from renderq_api.doors.openai.alpha_mask import alpha_mask
from renderq_shared.jobs import JobRecord
from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.objects import FolderStore
from tests.api.assets.image_files import animated_file, image_file
from tests.api.conftest import SettingsFor
from tests.api.doors.conftest import IMAGE_BASE64, Call, claim
from tests.api.running_api import RunningApi
from tests.api.worker import Worker
from tests.fast_model.catalog import MODELS_TOML


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def with_hole(mode: str = "RGBA") -> Image.Image:
    """Return an image of 16 × 8 pixels whose left upper pixel is transparent."""
    image = Image.new("RGBA", (16, 8), (0, 0, 255, 255))
    image.putpixel((0, 0), (0, 0, 0, 0))
    return image.convert(mode)


HOLE = encoded(with_hole())
PICTURE = image_file("PNG", 64, 32)


def request_of(record: JobRecord) -> dict[str, Any]:
    return json.loads(record.request_json)


def asset(http: httpx2.Client, name: str) -> Image.Image:
    return Image.open(io.BytesIO(http.get(f"/v1/assets/{name}/content", follow_redirects=True).content))


def stored(api: RunningApi) -> set[Path]:
    """Return the stored images."""
    return set((Path(api.settings.store_folder) / "assets").rglob("*.png"))


def test_an_edit_with_a_mask(client: openai.OpenAI, http: httpx2.Client, worker: Worker, call: Call) -> None:
    made = call(
        client.images.with_raw_response.edit,
        model="gpt-image-1",
        image=PICTURE,
        mask=HOLE,
        prompt="x",
        n=2,
        user="u",
        extra_body={"seed": 7, "steps": 30, "guidance_scale": 1.5},
        quality="low",
    )
    record = worker.finish(claim(worker))
    assert [image.b64_json for image in made.result().parse().data] == [IMAGE_BASE64] * 2
    request = request_of(record)
    expected = {"task": "inpaint", "n": 2, "seed": 7, "steps": 30, "guidance_scale": 1.5, "strength": 1.0}
    assert expected.items() <= request.items()
    assert (request["width"], request["height"], request["metadata"]) == (64, 32, {"user": "u"})
    assert http.get(f"/v1/assets/{request['image']}").json()["width"] == 64
    mask = asset(http, request["mask"])
    assert (mask.mode, mask.size) == ("L", (16, 8))
    assert [mask.getpixel((x, 0)) for x in (0, 1)] == [255, 0]


def test_an_edit_without_a_mask_changes_the_whole_image(client: openai.OpenAI, worker: Worker, call: Call) -> None:
    made = call(client.images.edit, image=[PICTURE], prompt="x", size="32x32", extra_body={"strength": 0.5})
    request = request_of(worker.finish(claim(worker)))
    made.result()
    assert (request["task"], request["width"], request["height"], request["strength"]) == ("img2img", 32, 32, 0.5)


@pytest.fixture
def editor(tmp_path: Path) -> Path:
    """A catalog with the fast model, and one that edits images; as far as the API looks into its files."""
    folder = tmp_path / "editor"
    for file, content in {
        "model_index.json": {"_class_name": "FluxKontextPipeline"},
        "transformer/config.json": {"guidance_embeds": True},
        "scheduler/scheduler_config.json": {"_class_name": "FlowMatchEulerDiscreteScheduler"},
    }.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(json.dumps(content))
    models = tmp_path / "models.toml"
    models.write_text(f'[models.shapes]\nsource = "{MODELS_TOML.parent}/shapes"\n[models.editor]\nsource = "editor"\n')
    return models


def test_a_model_that_edits_gets_the_image_as_such(
    settings_for: SettingsFor, store: RedisJobStore, editor: Path, call: Call
) -> None:
    with RunningApi(settings_for(models=editor)) as api, api.client() as http:
        client = openai.OpenAI(base_url=f"{api.url}/v1", api_key="none")
        worker = Worker(store, FolderStore(api.settings.store_folder), "editor")
        worker.register()
        photo = image_file("PNG", 96, 64)
        made = call(client.images.edit, model="editor", image=[photo], prompt="add a hat")
        request = request_of(worker.finish(claim(worker)))
        made.result()
        assert (request["task"], request["width"], request["height"]) == ("edit", 96, 64)
        [image] = request["images"]
        assert http.get(f"/v1/assets/{image}").json()["width"] == 96
        with pytest.raises(openai.BadRequestError, match="images: May have at most 1 with the model editor, not 2"):
            client.images.edit(model="editor", image=[photo, photo], prompt="x")
        with pytest.raises(openai.BadRequestError, match="images: May have at most 1 with the model editor, not 2"):
            client.images.edit(model="gpt-image-1", image=[photo, photo], prompt="x")


@pytest.mark.parametrize(("model", "task"), [("dall-e-2", "inpaint"), ("gpt-image-1", "img2img")])
def test_transparent_parts_of_the_image_are_a_mask_for_one_model(
    client: openai.OpenAI, worker: Worker, call: Call, model: str, task: str
) -> None:
    made = call(client.images.edit, model=model, image=HOLE, prompt="x")
    assert request_of(worker.finish(claim(worker)))["task"] == task
    made.result()


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # by OpenAI
def test_a_variation(client: openai.OpenAI, worker: Worker, call: Call) -> None:
    made = call(client.images.create_variation, image=PICTURE, response_format="b64_json")
    request = request_of(worker.finish(claim(worker)))
    assert [(image.b64_json, image.url) for image in made.result().data] == [(IMAGE_BASE64, None)]
    assert (request["task"], request["prompt"], request["width"]) == ("variation", "", 64)


@pytest.mark.parametrize(
    ("sent", "param", "message"),
    [
        ({"image": [PICTURE, HOLE]}, "image", "image: For the model shapes, send one image."),
        ({"image": b"GIF89a"}, "image", "this file is a GIF"),
        ({"image": b""}, "image", "the file is empty"),
        ({"mask": PICTURE}, "mask", "mask: The mask has no transparency"),
        ({"mask": b"\x89PNG\r\n\x1a\n"}, "mask", "the file is truncated"),
        ({"mask": b"\0" * (LIMITS.asset_bytes + 1)}, None, "too large; the maximum is 33,554,432 bytes"),
        ({"n": 99}, "n", "n: Must be at most 16, not"),
        ({"extra_body": {"strength": 2}}, "strength", "strength: Must be at most 1"),
        ({"model": "nope"}, "model", "There is no model"),
        ({"model": "nope", "image": [PICTURE, HOLE]}, "model", "There is no model"),
    ],
)
def test_a_refusal_says_why_and_stores_nothing(
    client: openai.OpenAI, api: RunningApi, sent: dict[str, Any], param: str | None, message: str
) -> None:
    before = stored(api)
    with pytest.raises(openai.APIStatusError) as refused:
        client.images.edit(**{"image": PICTURE, "prompt": "x", **sent})
    assert (refused.value.param, refused.value.response.status_code // 100) == (param, 4)
    assert message in str(refused.value)
    assert stored(api) == before


@pytest.mark.parametrize(
    ("files", "data", "status", "param"),
    [
        ({}, {"image": "text"}, 400, "image"),
        ({"other": PICTURE}, {}, 400, "image"),
        ({"image": PICTURE, **{f"f{n}": b"" for n in range(20)}}, {}, 400, None),
        ({"image": PICTURE}, {f"f{n}": "x" for n in range(200)}, 400, None),
    ],
)
def test_a_form_that_is_not_one_of_ours(
    http: httpx2.Client, files: dict[str, bytes], data: dict[str, str], status: int, param: str | None
) -> None:
    parts = [(name, (None, value)) for name, value in data.items()]
    parts += [(name, ("a.png", content)) for name, content in files.items()]
    response = http.post("/v1/images/edits", files=parts)
    assert (response.status_code, response.json()["error"]["param"]) == (status, param)


@pytest.mark.parametrize(
    ("content_type", "content", "status"),
    [
        ("application/json", b'{"prompt": "x"}', 415),
        ("multipart/form-data", b"x", 400),
        ("multipart/form-data; boundary=b", b"--c\r\n", 400),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data\r\n\r\n\r\n--b--\r\n", 400),
        (
            "multipart/form-data; boundary=b; charset=unicode_escape",
            b'--b\r\nContent-Disposition: form-data; name="prompt"\r\n\r\n\\ud800\r\n--b--\r\n',
            400,
        ),
    ],
)
def test_a_body_that_is_no_form_is_refused(http: httpx2.Client, content_type: str, content: bytes, status: int) -> None:
    response = http.post("/v1/images/edits", content=content, headers={"Content-Type": content_type})
    assert (response.status_code, response.json()["error"]["type"]) == (status, "invalid_request_error")


def test_a_form_without_its_end_is_refused_and_loses_no_mask(http: httpx2.Client) -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="%s"; filename="a.png"\r\n\r\n%s'
    content = part % (b"image", PICTURE) + b"\r\n" + part % (b"mask", HOLE)
    response = http.post(
        "/v1/images/edits", content=content, headers={"Content-Type": "multipart/form-data; boundary=b"}
    )
    assert response.status_code == 400
    assert "truncated" in response.json()["error"]["message"]


def test_text_before_the_first_boundary_is_ignored(http: httpx2.Client) -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\nGIF89a\r\n--b--\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    response = http.post("/v1/images/variations", content=b"This is a form.\r\n" + part, headers=headers)
    assert (response.status_code, response.json()["error"]["param"]) == (415, "image")


def test_a_large_file_needs_no_folder_for_temporary_files(http: httpx2.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/dev/null/missing")
    response = http.post("/v1/images/variations", files={"image": bytes(2 << 20)})
    assert (response.status_code, response.json()["error"]["param"]) == (415, "image")


def test_empty_texts_in_place_of_files_mean_that_they_are_omitted(
    http: httpx2.Client, worker: Worker, call: Call
) -> None:
    data = {"prompt": "x", "mask": "", "image[]": ""}
    made = call(http.post, "/v1/images/edits", data=data, files={"image": PICTURE})
    assert request_of(worker.finish(claim(worker)))["task"] == "img2img"
    assert made.result().status_code == 200


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"strength": "nan"}, "strength: Must be a finite number, not NaN."),
        ({"deadline_seconds": "inf"}, "deadline_seconds: Must be a finite number, not Infinity."),
        ({"n": "9" * 5_000}, "n: Must be an integer, not a string of 5,000 characters."),
    ],
)
def test_texts_of_a_form_that_are_numbers_of_no_use(http: httpx2.Client, data: dict[str, str], message: str) -> None:
    response = http.post("/v1/images/edits", data={"prompt": "x", **data}, files={"image": PICTURE})
    assert (response.status_code, response.json()["error"]["message"]) == (400, message)


def test_a_repeat_with_its_key_finds_the_job(client: openai.OpenAI, worker: Worker, call: Call) -> None:
    sent = {"image": PICTURE, "prompt": "x", "extra_headers": {"Idempotency-Key": "k"}}
    first = call(client.images.with_raw_response.edit, **sent)
    record = worker.finish(claim(worker))
    repeat = client.images.with_raw_response.edit(**sent)
    assert repeat.headers["x-renderq-job"] == first.result().headers["x-renderq-job"] == record.id
    with pytest.raises(openai.BadRequestError, match="another body"):
        client.images.edit(**{**sent, "image": HOLE})


def test_parts_of_one_name_are_others_in_another_order(http: httpx2.Client, worker: Worker, call: Call) -> None:
    def post(*parts: tuple[str, str]) -> httpx2.Response:
        files = [("image", ("a.png", PICTURE)), *((name, (None, value)) for name, value in parts)]
        return http.post("/v1/images/edits", files=files, headers={"Idempotency-Key": "k"})

    first = call(post, ("prompt", "x"), ("seed", "1"), ("seed", "2"))
    assert request_of(worker.finish(claim(worker)))["seed"] == 2
    assert first.result().status_code == 200
    assert post(("seed", "1"), ("seed", "2"), ("prompt", "x")).status_code == 200
    assert "another body" in post(("prompt", "x"), ("seed", "2"), ("seed", "1")).json()["error"]["message"]


def test_a_form_is_bounded(settings_for: SettingsFor) -> None:
    with RunningApi(settings_for(door_body_bytes=1 << 20)) as api, api.client() as http:
        response = http.post("/v1/images/edits", files={"image": b"x" * (2 << 20)})
    assert (response.status_code, response.json()["error"]["code"]) == (413, "payload_too_large")


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_pixels_become_white(mode: str) -> None:
    transparency = {"transparency": 0} if mode == "P" else {}
    image = with_hole("L").point(lambda value: value and 255).convert("P") if mode == "P" else with_hole(mode)
    mask = alpha_mask(encoded(image, **transparency))
    assert mask is not None
    pixels = Image.open(io.BytesIO(mask))
    assert (pixels.mode, pixels.getpixel((0, 0)), pixels.getpixel((3, 3))) == ("L", 255, 0)


def test_half_transparent_pixels_become_gray_and_turn_with_the_image() -> None:
    image = Image.new("RGBA", (16, 8), (0, 0, 0, 255))
    ImageDraw.Draw(image).point((15, 0), (0, 0, 0, 155))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90° to the right
    mask = alpha_mask(encoded(image, exif=exif))
    assert mask is not None
    pixels = Image.open(io.BytesIO(mask))
    assert (pixels.size, pixels.getpixel((7, 15))) == ((8, 16), 100)


def test_an_image_without_transparency_has_no_mask() -> None:
    assert alpha_mask(PICTURE) is None
    assert alpha_mask(image_file("JPEG")) is None
    with pytest.raises(ImageRejected, match="animated"):
        alpha_mask(animated_file("PNG"))
