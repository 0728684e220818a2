"""OpenAI's own clients and tools made for its API, pointed at the whole service by its base URL alone."""

import base64
import hashlib
import io
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest
from PIL import Image

from tests.system.judges import run_javascript_judge, run_judge
from tests.system.service import Service

pytestmark = pytest.mark.system

PROMPT = "a red circle on a blue background"
UNKNOWN_MODEL = 'There is no model "nope". The models are shapes.'


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{service.url}/v1", api_key="any", max_retries=0, timeout=90) as client:
        yield client


def file_of(image: Any) -> bytes:
    return base64.b64decode(image.b64_json)


def png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def pixels_sha256(data: bytes) -> str:
    return hashlib.sha256(Image.open(io.BytesIO(data)).convert("RGB").tobytes()).hexdigest()


def of_base64(data: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(data)))


def blue_png() -> str:
    """Return the file in base64."""
    return base64.b64encode(png(Image.new("RGB", (64, 64), (0, 0, 255)))).decode()


def native_pixels(service: Service, **fields: Any) -> list[str]:
    """Render a native job; return the digests of its images."""
    job = service.wait_until_ended(service.submit(PROMPT, **fields)["id"])
    return [output["pixel_sha256"] for output in job["outputs"]]


def test_the_images_are_those_of_a_native_job(client: openai.OpenAI, service: Service) -> None:
    made = client.images.generate(model="shapes", prompt=PROMPT, n=2, size="64x64", extra_body={"seed": 7})
    native = service.wait_until_ended(service.submit(PROMPT, n=2, seed=7)["id"])
    hashes = [output["pixel_sha256"] for output in native["outputs"]]
    assert made.data is not None
    assert [pixels_sha256(file_of(image)) for image in made.data] == hashes
    assert [pixels_sha256(httpx2.get(image.url, trust_env=False).content) for image in made.data] == hashes


def test_an_edit_keeps_what_its_mask_covers_and_equals_a_native_job(client: openai.OpenAI, service: Service) -> None:
    picture = png(Image.new("RGB", (64, 64), (0, 0, 255)))
    hole = Image.new("RGBA", (64, 64), (0, 0, 0, 255))
    hole.paste((0, 0, 0, 0), (16, 16, 48, 48))
    made = client.images.edit(
        model="gpt-image-1", image=picture, mask=png(hole), prompt=PROMPT, extra_body={"seed": 3, "steps": 10}
    )
    assert made.data is not None
    edited = Image.open(io.BytesIO(file_of(made.data[0]))).convert("RGB")
    assert (edited.size, edited.getpixel((0, 0)), edited.getpixel((63, 63))) == ((64, 64), (0, 0, 255), (0, 0, 255))
    mask = Image.new("L", (64, 64), 0)
    mask.paste(255, (16, 16, 48, 48))
    image, white = (service.http.post("/v1/assets", files={"file": data}).json()["id"] for data in (picture, png(mask)))
    job = service.submit(PROMPT, task="inpaint", image=image, mask=white, seed=3, steps=10)
    native = service.wait_until_ended(job["id"])
    assert hashlib.sha256(edited.tobytes()).hexdigest() == native["outputs"][0]["pixel_sha256"]


def test_a_stream_ends_with_the_image(client: openai.OpenAI) -> None:
    sent: dict[str, Any] = {"prompt": PROMPT, "extra_body": {"steps": 30, "seed": 7}}
    *partial, completed = client.images.generate(**sent, stream=True, partial_images=2)
    whole = client.images.generate(**sent)
    assert whole.data is not None
    assert pixels_sha256(file_of(completed)) == pixels_sha256(file_of(whole.data[0]))
    assert (completed.type, completed.size) == ("image_generation.completed", "64x64")
    for event in partial:  # a fast machine may send fewer than two
        assert event.type == "image_generation.partial_image"
        assert Image.open(io.BytesIO(file_of(event))).format == "JPEG"


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # by OpenAI
def test_a_variation_has_the_size_of_its_image(client: openai.OpenAI) -> None:
    picture = png(Image.new("RGB", (64, 32), (0, 0, 255)))
    made = client.images.create_variation(image=picture, response_format="b64_json")
    assert made.data is not None
    assert Image.open(io.BytesIO(file_of(made.data[0]))).size == (64, 32)


def test_the_client_for_node(service: Service) -> None:
    told = run_javascript_judge("openai_judge.mjs", service.url, blue_png())
    assert (of_base64(told["made"]).format, of_base64(told["made"]).size) == ("WEBP", (64, 64))
    assert told["completed"]["type"] == "image_generation.completed"
    assert [pixels_sha256(base64.b64decode(told["completed"]["image"]))] == native_pixels(service, seed=7)
    assert set(told["partial"]) <= {"image_generation.partial_image"}  # a fast machine may send none
    assert of_base64(told["edited"]).size == (64, 64)
    assert told["models"] == ["shapes"]
    unknown = {"status": 404, "code": "model_not_found", "param": "model", "message": f"404 {UNKNOWN_MODEL}"}
    assert told["unknown_model"] == {"type": "NotFoundError", **unknown}
    assert (told["too_many"]["type"], told["too_many"]["param"]) == ("BadRequestError", "n")


def test_vercels_ai_sdk(service: Service) -> None:
    told = run_javascript_judge("ai_sdk_judge.mjs", service.url, blue_png())
    made, [edited] = told["made"], told["edited"]
    assert [image["type"] for image in (*made, edited)] == ["image/png"] * 3
    assert [pixels_sha256(base64.b64decode(image["file"])) for image in made] == native_pixels(service, n=2, seed=3)
    assert of_base64(edited["file"]).size == (64, 64)
    assert told["unknown_model"] == {"type": "AI_APICallError", "status": 404, "message": UNKNOWN_MODEL}


def test_litellm(service: Service) -> None:
    """With its providers `openai` and `litellm_proxy`."""
    told = run_judge("litellm_judge.py", service.url)
    assert [pixels_sha256(base64.b64decode(file)) for file in told["made"]] == native_pixels(service, seed=7) * 2
    assert told["unknown_model"]["status"] == 404
    assert UNKNOWN_MODEL in told["unknown_model"]["message"]


def test_langchain(service: Service) -> None:
    file = httpx2.get(run_judge("langchain_judge.py", service.url), trust_env=False).content
    assert Image.open(io.BytesIO(file)).size == (64, 64)
