"""Hugging Face's clients and that of the Model Context Protocol, pointed at the whole service by its address alone."""

import base64
import hashlib
import io
from collections.abc import Iterator

import httpx2
import pytest
from huggingface_hub import InferenceClient, close_session, set_client_factory
from huggingface_hub.utils._http import default_client_factory
from PIL import Image

from tests.system.judges import run_javascript_judge, run_judge
from tests.system.service import Service

pytestmark = pytest.mark.system

PROMPT = "a red circle on a blue background"
BLUE = (0, 0, 255)


@pytest.fixture
def client(service: Service) -> Iterator[InferenceClient]:
    # Their usual session refuses all addresses while `HF_HUB_OFFLINE` is set.
    set_client_factory(lambda: httpx2.Client(trust_env=False, timeout=90))
    yield InferenceClient(f"{service.url}/hf/shapes", token="hf_any")
    close_session()
    set_client_factory(default_client_factory)


def pixels_sha256(image: Image.Image) -> str:
    return hashlib.sha256(image.convert("RGB").tobytes()).hexdigest()


def test_the_image_of_huggingface_hub_is_that_of_a_native_job(client: InferenceClient, service: Service) -> None:
    made = client.text_to_image(PROMPT, width=1024, height=1024, num_inference_steps=10, seed=7)
    assert (made.format, made.size) == ("PNG", (64, 64))
    native = service.wait_until_ended(service.submit(PROMPT, steps=10, seed=7)["id"])
    assert pixels_sha256(made) == native["outputs"][0]["pixel_sha256"]


def test_huggingface_hub_changes_an_image(client: InferenceClient) -> None:
    client.headers["accept"] = "image/webp"
    picture = io.BytesIO()
    Image.new("RGB", (64, 32), BLUE).save(picture, "PNG")
    made = client.image_to_image(picture.getvalue(), prompt=PROMPT, num_inference_steps=10, strength=0.9)
    assert (made.format, made.size) == ("WEBP", (64, 32))


def test_hugging_faces_client_for_javascript(service: Service) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (64, 32), BLUE).save(picture, "PNG")
    sent = base64.b64encode(picture.getvalue()).decode()
    told = run_javascript_judge("huggingface_judge.mjs", f"{service.url}/hf/shapes", sent)
    files = [told[name] for name in ("made", "changed", "unprompted")]
    assert [file["type"] for file in files] == ["image/png"] * 3
    made, *changed = [Image.open(io.BytesIO(base64.b64decode(file["file"]))) for file in files]
    native = service.wait_until_ended(service.submit(PROMPT, steps=10, seed=3)["id"])
    assert pixels_sha256(made) == native["outputs"][0]["pixel_sha256"]
    assert [image.size for image in changed] == [(64, 32)] * 2
    assert told["refused"]["status"] == 422
    assert "parameters.num_inference_steps: Must be at least 1, not 0." in told["refused"]["message"]


def test_the_client_of_the_model_context_protocol_in_both_generations(service: Service) -> None:
    generations = run_judge("mcp_judge.py", service.url)
    assert [told["version"] for told in generations] == ["2026-07-28", "2025-11-25"]
    for told in generations:
        assert told["tools"] == ["generate_image", "get_image", "list_models", "cancel_image"]
        assert (told["models"], told["blocks"]) == (["shapes"], ["image", "resource_link", "text"])
        native = service.wait_until_ended(service.submit(PROMPT, seed=1)["id"])["outputs"][0]["pixel_sha256"]
        assert told["image"] == told["again"] == {"size": [64, 64], "pixel_sha256": native}
        file = httpx2.get(told["link"], trust_env=False).content
        assert pixels_sha256(Image.open(io.BytesIO(file))) == native
        assert told["changed"] == [64, 64]
        assert told["refused"] == [True, 'There is no model "nope". The models are shapes.']
        assert (told["canceled"], told["unknown"]) == ("succeeded", -32602)
