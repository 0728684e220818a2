"""Requests with input images: each image becomes an asset of the tenant, or the request is rejected."""

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from renderq.contract import LIMITS
from renderq_shared.jobs import commands
from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.objects import FolderStore
from tests.api.assets.image_files import ONE_PIXEL, animated_file, chunk, image_file, png_file, rotated_file
from tests.api.conftest import SettingsFor
from tests.api.problems import NO_JOB, pointers, problem
from tests.api.running_api import RunningApi
from tests.api.script_count import scripts
from tests.api.worker import Worker
from tests.job_store.factories import new_asset
from tests.shared.catalog.test_models_toml import pipeline

GONE = f"asset_{'0' * 64}"


def asset_id(data: bytes) -> str:
    return f"asset_{hashlib.sha256(data).hexdigest()}"


def data_url(data: bytes, declared: str = "image/png") -> str:
    return f"data:{declared};base64,{base64.b64encode(data).decode()}"


def upload(http: httpx2.Client, data: bytes) -> str:
    return http.post("/v1/assets", files={"file": data}).json()["id"]


def submit(http: httpx2.Client, task: str = "img2img", **fields: Any) -> httpx2.Response:
    headers = fields.pop("headers", {})
    return http.post("/v1/jobs", json={"prompt": "x", "task": task, **fields}, headers=headers)


def accepted(http: httpx2.Client, task: str = "img2img", **fields: Any) -> dict[str, Any]:
    response = submit(http, task, **fields)
    assert response.status_code == 201, response.text
    return response.json()


def test_an_uploaded_image_gives_the_job_its_size(http: httpx2.Client) -> None:
    image = upload(http, image_file(width=250, height=130))
    job = accepted(http, image=image, seed=7)
    assert (job["task"], job["request"]["image"], job["request"]["strength"]) == ("img2img", image, 0.8)
    assert (job["request"]["width"], job["request"]["height"]) == (248, 128)
    assert accepted(http, **{**job["request"], "seed": 7})["request"] == job["request"]


def rendered(http: httpx2.Client, worker: Worker, api: RunningApi, data: bytes, n: int = 1) -> str:
    """Return the id of a finished job whose last image has these bytes."""
    job_id = http.post("/v1/jobs", json={"prompt": "x", "n": n}).json()["id"]
    record = worker.finish(worker.claim())
    FolderStore(api.settings.store_folder).put(f"jobs/{job_id}/{record.claim_id}/{n - 1}.png", data, "image/png")
    return job_id


def test_an_image_of_a_job_becomes_an_asset(http: httpx2.Client, worker: Worker, api: RunningApi) -> None:
    data = image_file(width=64, height=48)
    job_id = rendered(http, worker, api, data, n=3)
    job = accepted(http, image=f"{job_id}/2", headers={"Idempotency-Key": "vary"})
    assert (job["request"]["image"], job["request"]["height"]) == (asset_id(data), 48)
    http.delete(f"/v1/jobs/{job_id}")
    again = accepted(http, image=f"{job_id}/2", headers={"Idempotency-Key": "vary"})
    assert again["id"] == job["id"], "a replay needs the image no more"


@pytest.mark.parametrize("index", ["1", "9999"])
def test_an_image_that_a_job_does_not_have_is_refused(
    http: httpx2.Client, worker: Worker, api: RunningApi, index: str
) -> None:
    finished = rendered(http, worker, api, image_file())
    queued = http.post("/v1/jobs", json={"prompt": "x"}).json()["id"]
    for reference in (f"{finished}/{index}", f"{queued}/0", f"{NO_JOB}/0", "job_1/0"):
        document = problem(submit(http, image=reference), "asset_not_found")
        assert pointers(document) == {"/image": "asset_not_found"}
        assert "no such finished image" in document["detail"]
    FolderStore(api.settings.store_folder).delete_prefix(f"jobs/{finished}/")
    problem(submit(http, image=f"{finished}/0"), "asset_not_found")


@pytest.mark.parametrize(
    "reference", [f"{NO_JOB}/00", f"{NO_JOB}/-1", f"{NO_JOB}/", NO_JOB, f"{NO_JOB}/grid", "job_/0"]
)
def test_what_is_no_image_of_a_job_is_no_reference(http: httpx2.Client, reference: str) -> None:
    assert "an image of a job" in problem(submit(http, image=reference), "invalid_request")["detail"]


def test_an_image_of_a_job_has_the_limits_of_an_upload(http: httpx2.Client, worker: Worker, api: RunningApi) -> None:
    finished = rendered(http, worker, api, b"no image")
    assert pointers(problem(submit(http, image=f"{finished}/0"), "invalid_request"))


def test_an_image_within_the_request_becomes_an_asset(http: httpx2.Client) -> None:
    data = image_file("WEBP", 40, 32)
    job = accepted(http, image=data_url(data, "text/plain"))
    assert job["request"]["image"] == asset_id(data)
    assert http.get(f"/v1/assets/{asset_id(data)}").json()["content_type"] == "image/webp"


PNG = png_file(chunk(b"teSt", bytes(range(255))), ONE_PIXEL)
"""Its base64 has every character of the alphabet, and padding."""


@pytest.mark.parametrize(
    ("head", "encode"),
    [
        ("data:image/png;base64,", base64.encodebytes),
        ("data:image/png;base64,", lambda data: base64.encodebytes(data).replace(b"\n", b"\r\n")),
        ("data:image/png;base64,\n", base64.b64encode),
        ("\n data:image/png;base64,", lambda data: base64.b64encode(data) + b" \n"),
        ("data:image/png;base64,", lambda data: base64.b64encode(data).rstrip(b"=")),
        ("data:image/png;base64,", base64.urlsafe_b64encode),
        ("data:image/png;base64,", lambda data: base64.urlsafe_b64encode(data).rstrip(b"=")),
        ("data:image/png;base64,", lambda data: quote(base64.b64encode(data), safe="").encode()),
        ("DATA:IMAGE/PNG;BASE64,", base64.b64encode),
        ("data:image/png;name=a.png;charset=utf-8; base64,", base64.b64encode),
        ("data:;base64,", base64.b64encode),
    ],
)
def test_a_data_url_is_read_as_tools_print_it(http: httpx2.Client, head: str, encode: Callable[[bytes], bytes]) -> None:
    assert {*b"+/="} <= {*base64.b64encode(PNG)}
    assert accepted(http, image=head + encode(PNG).decode())["request"]["image"] == asset_id(PNG)


@pytest.mark.parametrize("damage", ["*", "=", "\0", "é", "-_+/", "%zz", "A"])
def test_a_data_url_with_anything_else_is_refused(http: httpx2.Client, damage: str) -> None:
    text = base64.b64encode(PNG[:300]).decode()
    response = submit(http, image=f"data:image/png;base64,{text[:40]}{damage}{text[40:]}")
    assert response.status_code == 422
    [error] = response.json()["errors"]
    assert (error["pointer"], error["code"]) == ("/image", "input_unreadable")
    assert "base64" in error["detail"]


def test_an_image_is_measured_as_it_is_shown(http: httpx2.Client) -> None:
    request = accepted(http, image=data_url(rotated_file("JPEG", 6)))["request"]
    assert (request["width"], request["height"]) == (16, 24)


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        ({}, (512, 384)),
        ({"width": 320}, (320, 240)),
        ({"height": 240}, (320, 240)),
        ({"height": 250}, None),
        ({"width": 64, "height": 512}, (64, 512)),
    ],
)
def test_the_output_size_follows_from_the_input_image(
    http: httpx2.Client, fields: dict[str, int], size: tuple[int, int] | None
) -> None:
    """The built-in model's limit is 512 × 512."""
    response = submit(http, image=data_url(image_file("JPEG", 1200, 900)), **fields)
    if size is None:
        assert pointers(problem(response, "invalid_request")) == {"/height": "not_a_multiple"}
    else:
        assert (response.json()["request"]["width"], response.json()["request"]["height"]) == size


def test_every_task_names_its_images(http: httpx2.Client) -> None:
    image, mask = upload(http, image_file()), upload(http, image_file(mode="L"))
    assert accepted(http, "inpaint", image=image, mask=mask)["request"]["mask"] == mask
    assert accepted(http, "inpaint", image=image, mask=image)["request"]["strength"] == 1
    assert accepted(http, "outpaint", image=image, extend={"left": 8})["request"]["extend"]["left"] == 8
    assert accepted(http, "variation", image=image, prompt="")["request"]["image"] == image


@pytest.mark.parametrize(
    ("task", "fields", "code", "expected"),
    [
        ("img2img", {}, "invalid_request", {"/image": "required"}),
        ("img2img", {"image": ""}, "invalid_request", {"/image": "invalid"}),
        ("img2img", {"image": "asset_1"}, "invalid_request", {"/image": "invalid"}),
        ("img2img", {"image": "http://example.org/x.png"}, "invalid_request", {"/image": "invalid"}),
        ("img2img", {"image": "https://user:pw@example.org/x.png"}, "invalid_request", {"/image": "invalid"}),
        ("img2img", {"image": "file:///etc/passwd"}, "invalid_request", {"/image": "invalid"}),
        ("img2img", {"image": "data:image/png,x"}, "invalid_request", {"/image": "invalid"}),
        ("img2img", {"image": "data:;base64,%%%"}, "invalid_request", {"/image": "input_unreadable"}),
        ("img2img", {"image": data_url(b"")}, "invalid_request", {"/image": "input_unreadable"}),
        ("img2img", {"image": data_url(image_file()[:-20])}, "invalid_request", {"/image": "input_unreadable"}),
        ("img2img", {"image": data_url(animated_file("PNG"))}, "invalid_request", {"/image": "input_unreadable"}),
        ("img2img", {"image": data_url(b"GIF89a")}, "invalid_request", {"/image": "unsupported_media_type"}),
        (
            "img2img",
            {"image": "data:;base64," + "A" * LIMITS.data_url_characters},
            "invalid_request",
            {"/image": "too_long"},
        ),
        ("img2img", {"image": GONE}, "asset_not_found", {"/image": "asset_not_found"}),
        ("inpaint", {"image": data_url(image_file())}, "invalid_request", {"/mask": "required"}),
        ("inpaint", {"image": data_url(image_file()), "mask": GONE}, "asset_not_found", {"/mask": "asset_not_found"}),
        (
            "inpaint",
            {"image": data_url(image_file()), "mask": data_url(b"")},
            "invalid_request",
            {"/mask": "input_unreadable"},
        ),
        ("img2img", {"image": data_url(image_file()), "mask": GONE}, "invalid_request", {"/mask": "unknown_field"}),
        ("img2img", {"image": data_url(image_file()), "strength": 1.1}, "invalid_request", {"/strength": "too_large"}),
        ("img2img", {"image": data_url(image_file()), "strength": 0.04}, "invalid_request", {"/strength": "too_small"}),
        ("img2img", {"image": data_url(image_file()), "strength": 0}, "invalid_request", {"/strength": "too_small"}),
        ("variation", {"image": data_url(image_file()), "steps": 1}, "invalid_request", {"/steps": "too_small"}),
        (
            "variation",
            {"image": data_url(image_file()), "strength": 0.5},
            "invalid_request",
            {"/strength": "unknown_field"},
        ),
        ("img2img", {"image": data_url(image_file()), "width": 520}, "too_many_pixels", {"/width": "too_large"}),
        (
            "img2img",
            {"image": data_url(image_file(width=8, height=64)), "width": 80},
            "too_many_pixels",
            {"/width": "too_large"},
        ),
        ("outpaint", {"image": data_url(image_file())}, "invalid_request", {"/extend": "required"}),
        ("outpaint", {"image": data_url(image_file()), "extend": {}}, "invalid_request", {"/extend": "invalid"}),
        (
            "outpaint",
            {"image": data_url(image_file()), "extend": {"left": 7}},
            "invalid_request",
            {"/extend/left": "not_a_multiple"},
        ),
        (
            "outpaint",
            {"image": data_url(image_file()), "extend": {"up": 8}},
            "invalid_request",
            {"/extend/up": "unknown_field"},
        ),
        (
            "outpaint",
            {"image": data_url(image_file()), "extend": {"left": 512}},
            "too_many_pixels",
            {"/extend": "too_large"},
        ),
    ],
)
def test_what_is_wrong_is_pointed_at(
    http: httpx2.Client, task: str, fields: dict[str, Any], code: str, expected: dict[str, str]
) -> None:
    assert pointers(problem(submit(http, task, **fields), code)) == expected


def test_an_image_to_be_extended_is_made_smaller_so_that_both_fit(http: httpx2.Client) -> None:
    request = accepted(http, "outpaint", image=data_url(image_file("JPEG", 1000, 500)), extend={"left": 112})["request"]
    assert (request["width"], request["height"]) == (400, 200)


def test_an_address_inside_is_refused_without_saying_what_is_there(http: httpx2.Client) -> None:
    for url in (
        "https://127.0.0.1/x.png",
        "https://localhost:8400/x.png",
        "https://[::1]/x",
        "https://169.254.169.254/",
    ):
        document = problem(submit(http, image=url), "invalid_request")
        assert pointers(document) == {"/image": "input_unreachable"}
        assert "127.0.0.1" not in document["detail"]


def test_another_tenants_asset_is_not_found(http: httpx2.Client, store: RedisJobStore) -> None:
    foreign = new_asset(tenant="bob", asset_id=asset_id(image_file(width=33)))
    store.call(commands.reserve_asset(foreign, 60_000))
    store.call(commands.commit_asset(foreign, 60_000))
    problem(submit(http, image=foreign.id), "asset_not_found")


def test_an_asset_stays_while_a_job_names_it(http: httpx2.Client) -> None:
    image = upload(http, image_file())
    assert http.get(f"/v1/assets/{image}").json()["expires_at"] is not None
    job = accepted(http, image=image)
    assert http.get(f"/v1/assets/{image}").json()["expires_at"] is None
    http.post(f"/v1/jobs/{job['id']}/cancel")
    again = http.post(f"/v1/jobs/{job['id']}/retry").json()
    assert again["request"] == job["request"]
    http.post(f"/v1/jobs/{again['id']}/cancel")
    for each in (job, again):
        assert http.delete(f"/v1/jobs/{each['id']}").status_code == 204
    assert http.get(f"/v1/assets/{image}").json()["expires_at"] is not None


def test_an_image_that_need_not_be_named_is_held_and_found_again(settings_for: SettingsFor, tmp_path: Path) -> None:
    for name in ("depth", "estimating"):
        pipeline(tmp_path / name, "StableDiffusionDepth2ImgPipeline", in_channels=5)
    index = {"_class_name": "StableDiffusionDepth2ImgPipeline", "depth_estimator": ["transformers", "DPT"]}
    (tmp_path / "estimating" / "model_index.json").write_text(json.dumps(index))
    entries = '[models.depth]\nsource = "depth"\n[models.estimating]\nsource = "estimating"'
    (tmp_path / "models.toml").write_text(entries)
    with RunningApi(settings_for(models=tmp_path / "models.toml")) as api, api.client() as http:
        image, deep = upload(http, image_file(width=250, height=130)), upload(http, image_file(mode="I;16"))
        assert pointers(problem(submit(http, "depth2img", image=image), "invalid_request")) == {
            "/depth_map": "required"
        }
        assert accepted(http, "depth2img", model="estimating", image=image)["request"]["depth_map"] is None
        gone = submit(http, "depth2img", image=image, depth_map=GONE)
        assert pointers(problem(gone, "asset_not_found")) == {"/depth_map": "asset_not_found"}
        body = {"image": image, "depth_map": deep, "headers": {"Idempotency-Key": "k"}}
        job = accepted(http, "depth2img", **body)
        assert (job["request"]["depth_map"], job["request"]["strength"]) == (deep, 0.8)
        assert (job["request"]["width"], job["request"]["height"]) == (248, 128)
        assert accepted(http, "depth2img", **body)["id"] == job["id"]
        http.post(f"/v1/jobs/{job['id']}/cancel")
        again = http.post(f"/v1/jobs/{job['id']}/retry").json()
        assert again["request"] == job["request"]
        assert http.get(f"/v1/assets/{deep}").json()["expires_at"] is None


def test_round_trips(http: httpx2.Client, redis_url: str) -> None:
    """One per asset, to read its size, and one for the submission."""
    image = upload(http, image_file())
    accepted(http, image=image)
    assert scripts(redis_url, lambda: accepted(http, image=image), "default") == 2
