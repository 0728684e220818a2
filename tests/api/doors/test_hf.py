"""`POST /hf/{model}`, judged by Hugging Face's own client."""

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from huggingface_hub import InferenceClient, close_session, set_client_factory
from huggingface_hub.errors import HfHubHTTPError, InferenceTimeoutError
from huggingface_hub.utils._http import default_client_factory
from PIL import Image

from renderq.contract import JobErrorCode, Status
from renderq_api.doors.hf.answer import image_format
from renderq_api.doors.hf.fields import parse_request
from renderq_api.doors.hf.job_body import job_body
from renderq_api.doors.job_end import job_end
from renderq_shared.catalog import Catalog
from renderq_shared.jobs import JobRecord
from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.objects import FolderStore
from tests.api.assets.image_files import image_file
from tests.api.conftest import SettingsFor
from tests.api.doors.conftest import Call, claim
from tests.api.doors.test_openai_generations import ended_job
from tests.api.running_api import RunningApi
from tests.api.worker import Worker
from tests.fast_model.catalog import fast_model
from tests.polling import wait_until

PICTURE = image_file("PNG", 64, 32)
PICTURE_BASE64 = base64.b64encode(PICTURE).decode()
CATALOG = Catalog(models=(fast_model(),), aliases={"stabilityai/sdxl-turbo": "shapes"})


@pytest.fixture
def client(api: RunningApi) -> Iterator[InferenceClient]:
    """Hugging Face's own client, which is told nothing but the address."""
    # Their usual session refuses all addresses while `HF_HUB_OFFLINE` is set.
    set_client_factory(lambda: httpx2.Client(trust_env=False, timeout=60))
    yield InferenceClient(f"{api.url}/hf/shapes", token="hf_any")
    close_session()
    set_client_factory(default_client_factory)


@pytest.fixture
def worker(api: RunningApi, store: RedisJobStore) -> Worker:
    """A worker whose images are files that the client can read."""
    return Worker(store, FolderStore(api.settings.store_folder), image=PICTURE)


def request_of(record: JobRecord) -> dict[str, Any]:
    return json.loads(record.request_json)


def jobs(http: httpx2.Client) -> list[dict[str, Any]]:
    return http.get("/v1/jobs").json()["data"]


def test_an_image_from_text(client: InferenceClient, http: httpx2.Client, worker: Worker, call: Call) -> None:
    made = call(
        client.text_to_image,
        "x",
        negative_prompt="y",
        width=1024,
        height=1024,
        num_inference_steps=30,
        guidance_scale=2.5,
        scheduler="ddim",
        seed=7,
        extra_body={"unknown": "SECRET"},
    )
    record = worker.finish(claim(worker))
    assert made.result().size == (64, 32)
    expected = {"task": "txt2img", "prompt": "x", "negative_prompt": "y", "width": 64, "height": 64, "seed": 7}
    expected |= {"steps": 30, "guidance_scale": 2.5, "scheduler": "ddim", "n": 1, "deadline_seconds": 280.0}
    assert expected.items() <= request_of(record).items()
    assert "SECRET" not in str(record)
    assert [(job["id"], job["door"]) for job in jobs(http)] == [(record.id, "hf")]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"prompt": "x", "strength": 0.5, "seed": 3}, {"prompt": "x", "strength": 0.5, "seed": 3, "width": 64}),
        ({"guidance_scale": 2.0}, {"prompt": "", "guidance_scale": 2.0, "height": 32}),
        ({"prompt": "x", "target_size": {"width": 128, "height": 130}}, {"width": 128, "height": 128}),
        ({}, {"prompt": "", "width": 64, "height": 32}),
    ],
)
def test_an_image_from_an_image(
    client: InferenceClient, http: httpx2.Client, worker: Worker, call: Call, sent: dict[str, Any], expected: Any
) -> None:
    made = call(client.image_to_image, PICTURE, **sent)
    request = request_of(worker.finish(claim(worker)))
    assert made.result().size == (64, 32)
    assert {"task": "img2img", **expected}.items() <= request.items()
    assert http.get(f"/v1/assets/{request['image']}/content", follow_redirects=True).content == PICTURE


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("image/png", "png"),
        ("image/jpeg", "jpeg"),
        ("image/webp;q=0.9, image/png", "webp"),
        ("text/html, IMAGE/JPG, */*", "jpeg"),
        ("*/*", "png"),
        ("", "png"),
        ("image/gif", "png"),
    ],
)
def test_the_file_format_is_the_first_known_one_that_is_accepted(accept: str, kind: str) -> None:
    assert image_format(accept) == kind


def test_the_file_comes_with_its_type_and_the_id_of_its_job(http: httpx2.Client, worker: Worker, call: Call) -> None:
    made = call(http.post, "/hf/shapes", json={"inputs": "x"}, headers={"Accept": "image/jpeg"})
    record = worker.finish(claim(worker))
    response = made.result()
    assert (response.headers["content-type"], response.content) == ("image/png", PICTURE)  # this worker's only file
    assert request_of(record)["output"]["format"] == "jpeg"
    assert response.headers["x-renderq-job"] == record.id
    assert "x-renderq-ignored" not in response.headers
    assert response.headers["cache-control"] == "private, no-store"


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({}, {}),
        ({"parameters": None}, {}),
        ({"parameters": {"seed": None, "scheduler": "", "negative_prompt": ""}}, {}),
        ({"parameters": {"steps": 5}}, {"steps": 5}),
        ({"parameters": {"num_inference_steps": 6, "clip_skip": 1}}, {"steps": 6, "clip_skip": 1}),
        ({"parameters": {"width": 250, "height": 130}}, {"width": 248, "height": 128}),
        ({"parameters": {"width": 2048, "height": 1024}}, {"width": 88, "height": 40}),
        ({"parameters": {"width": 128}}, {"width": 128}),
        ({"parameters": {"strength": 0.5, "n": 4}, "options": {"use_cache": False}}, {}),
    ],
)
def test_parameters_that_are_sent(sent: dict[str, Any], expected: dict[str, Any]) -> None:
    made = job_body("shapes", parse_request({"inputs": "x", **sent}), "txt2img", "png", CATALOG)
    assert made == {"task": "txt2img", "model": "shapes", "prompt": "x", "output": {"format": "png"}, **expected}


def test_an_alias_may_be_the_name_of_a_repository() -> None:
    names = [job_body(name, parse_request({"inputs": "x"}), "txt2img", "png", CATALOG)["model"] for name in
             ("stabilityai/sdxl-turbo", "shapes", "dall-e-3")]  # fmt: skip
    assert names == ["shapes", "shapes", "dall-e-3"]


@pytest.mark.parametrize(
    ("parameters", "status", "code", "message"),
    [
        ({"num_inference_steps": 999}, 422, "invalid_request", "parameters.num_inference_steps: Must be at most 150"),
        ({"width": 0}, 422, "invalid_request", "parameters.width: Must be at least 1"),
        ({"width": 100_000}, 422, "invalid_request", "parameters.width: Must be at most"),
        ({"width": True}, 422, "invalid_request", "parameters.width: Must be an integer, not true."),
        ({"num_inference_steps": "9"}, 422, "invalid_request", "parameters.num_inference_steps: Must be an integer"),
        ({"target_size": {"width": "64", "height": 64}}, 422, "invalid_request", "parameters.target_size.width: Must"),
        ({"seed": -1}, 422, "invalid_request", "parameters.seed: Must be at least 0"),
        ({"scheduler": "EulerDiscreteScheduler"}, 422, "invalid_request", "parameters.scheduler: Must be "),
        ({"prompt": "with an image, then"}, 422, "invalid_request", "inputs: The image cannot be read"),
    ],
)
def test_a_refusal_says_why(
    client: InferenceClient,
    http: httpx2.Client,
    parameters: dict[str, Any],
    status: int,
    code: str,
    message: str,
) -> None:
    with pytest.raises(HfHubHTTPError) as refused:
        client.text_to_image("no image!", extra_body=parameters)
    assert refused.value.response.status_code == status
    assert refused.value.response.json()["error_type"] == code
    assert refused.value.response.json()["error"].startswith(message)
    assert message in str(refused.value)
    assert jobs(http) == []


@pytest.mark.parametrize(
    ("path", "content", "headers", "status", "code"),
    [
        ("shapes", b"{", {"Content-Type": "application/json"}, 422, "invalid_request"),
        ("shapes", b"{}", {"Content-Type": "application/json"}, 422, "invalid_request"),
        ("shapes", b'{"inputs": "/9j/"}', {"Content-Type": "application/json"}, 422, "invalid_request"),
        ("shapes", b"GIF89a", {}, 415, "unsupported_media_type"),
        ("shapes", b"", {"Content-Type": "image/png"}, 422, "invalid_request"),
        ("shapes", PICTURE, {"Content-Type": "text/plain"}, 415, "unsupported_media_type"),
        ("shapes", b"{}", {"Content-Type": "application/json", "Content-Encoding": "gzip"}, 415, None),
        ("nope/x", b'{"inputs": "x"}', {"Content-Type": "application/json"}, 422, "model_not_found"),
        ("shapes", b"{}", {"Host": "evil.example"}, 403, "forbidden"),
        ("shapes", b"{}", {"Origin": "https://evil.example"}, 403, "forbidden"),
    ],
)
def test_every_error_has_the_form_of_the_door(
    http: httpx2.Client, path: str, content: bytes, headers: dict[str, str], status: int, code: str | None
) -> None:
    response = http.post(f"/hf/{path}", content=content, headers=headers)
    assert (response.status_code, response.headers["content-type"]) == (status, "application/json")
    body = response.json()
    assert set(body) == {"error", "error_type"}
    assert code in (None, body["error_type"])
    assert "traceback" not in body["error"].lower()


def test_an_error_about_the_name_of_the_model_names_the_part_of_the_path(http: httpx2.Client) -> None:
    assert http.post(f"/hf/{'x' * 201}", json={"inputs": "x"}).json()["error"].startswith("model: May have at most")


def test_another_method_is_refused_in_the_form_of_the_door(http: httpx2.Client) -> None:
    response = http.get("/hf/shapes")
    assert (response.status_code, response.json()["error_type"]) == (405, "method_not_allowed")


def test_an_image_of_a_request_that_is_refused_is_not_stored_and_a_body_is_bounded(settings_for: SettingsFor) -> None:
    sent = {"inputs": PICTURE_BASE64, "parameters": {"prompt": "x", "strength": 2}}
    with RunningApi(settings_for(door_body_bytes=1 << 20)) as api, api.client() as http:
        refused = http.post("/hf/shapes", json=sent)
        too_large = http.post("/hf/shapes", content=b"x" * (2 << 20))
    assert refused.json()["error"].startswith("parameters.strength: Must be at most 1")
    assert (too_large.status_code, too_large.json()["error_type"]) == (413, "payload_too_large")
    assert not list((Path(api.settings.store_folder) / "assets").rglob("*.png"))


def test_a_parameter_that_changes_nothing_is_named(http: httpx2.Client, worker: Worker, call: Call) -> None:
    made = call(http.post, "/hf/shapes", json={"inputs": "x", "parameters": {"strength": 0.5, "other": 1}})
    worker.finish(claim(worker))
    assert made.result().headers["x-renderq-ignored"] == "strength"


def test_a_job_that_fails_is_an_error_with_its_reason(client: InferenceClient, worker: Worker, call: Call) -> None:
    made = call(client.text_to_image, "x")
    record = worker.fail(claim(worker))
    with pytest.raises(HfHubHTTPError, match="The image contains NaN") as failed:
        made.result()
    assert failed.value.response.status_code == 500
    assert failed.value.response.headers["x-renderq-job"] == record.id


@pytest.mark.parametrize("code", [JobErrorCode.OUT_OF_MEMORY, JobErrorCode.INPUT_UNREADABLE])
def test_a_job_that_asked_for_too_much_has_the_status_of_a_refusal(code: str) -> None:
    end = job_end(ended_job(Status.FAILED, code), 422)
    assert (end and (end.status, end.code)) == (422, code)


def test_a_client_that_gives_up_leaves_no_job(client: InferenceClient, http: httpx2.Client) -> None:
    client.timeout = 0.5
    with pytest.raises(InferenceTimeoutError):
        client.text_to_image("x")
    wait_until(lambda: {job["status"] for job in jobs(http)} <= {"canceled"})


@pytest.mark.parametrize(
    ("sent", "other"),
    [
        ({"json": {"inputs": "x"}}, {"json": {"inputs": "y"}}),
        ({"content": PICTURE}, {"content": image_file("PNG", 64, 40)}),
    ],
)
def test_a_repeat_with_its_key_finds_the_job(
    http: httpx2.Client, worker: Worker, call: Call, sent: dict[str, Any], other: dict[str, Any]
) -> None:
    headers = {"Idempotency-Key": "k"}
    made = call(http.post, "/hf/shapes", **sent, headers=headers)
    record = worker.finish(claim(worker))
    repeat = http.post("/hf/shapes", **sent, headers=headers)
    assert repeat.headers["x-renderq-job"] == made.result().headers["x-renderq-job"] == record.id
    assert http.post("/hf/shapes", **other, headers=headers).json()["error_type"] == "idempotency_key_reuse"


def test_a_full_queue_is_no_503_which_a_client_would_repeat_at_once(settings_for: SettingsFor) -> None:
    with RunningApi(settings_for(max_queued_jobs=1, max_queued_jobs_per_tenant=1000)) as api, api.client() as http:
        http.post("/v1/jobs", json={"prompt": "x"})
        response = http.post("/hf/shapes", json={"inputs": "x"})
    assert (response.status_code, response.json()["error_type"]) == (429, "queue_full")
    assert int(response.headers["retry-after"]) > 0


def test_a_token_that_is_no_key_is_refused(settings_for: SettingsFor) -> None:
    with RunningApi(settings_for(keys="required")) as api, api.client() as http:
        response = http.post("/hf/shapes", json={"inputs": "x"}, headers={"Authorization": "Bearer hf_secret"})
    assert (response.status_code, response.json()["error_type"]) == (401, "unauthorized")
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert "hf_secret" not in response.text


def test_an_image_of_a_data_url_is_one_too(http: httpx2.Client, worker: Worker, call: Call) -> None:
    made = call(http.post, "/hf/shapes", json={"inputs": f"data:image/png;base64,{PICTURE_BASE64}"})
    assert request_of(worker.finish(claim(worker)))["task"] == "img2img"
    assert Image.open(io.BytesIO(made.result().content)).size == (64, 32)


def test_an_address_is_not_an_image(http: httpx2.Client) -> None:
    response = http.post("/hf/shapes", json={"inputs": "https://a.example/b.png", "parameters": {"prompt": "x"}})
    assert response.status_code == 422
    assert "addresses with https:// are not read here. Send the file itself" in response.json()["error"]
