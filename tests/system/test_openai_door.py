"""OpenAI's own client, pointed at the whole service by its base URL alone."""

import base64
import hashlib
import io
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest
from PIL import Image

from tests.system.service import Service

pytestmark = pytest.mark.system

PROMPT = "a red circle on a blue background"


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
