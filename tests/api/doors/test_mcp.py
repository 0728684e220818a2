"""`POST /mcp`: messages of the Model Context Protocol as clients send them."""

import base64
import io
import json
import random
from typing import Any

import httpx2
import pytest
from PIL import Image

from renderq_api.doors.mcp.arguments import GenerateImage
from renderq_api.doors.mcp.image_blocks import MAX_CHARACTERS, smaller_image
from renderq_api.doors.mcp.job_body import job_body
from renderq_shared.catalog import Catalog
from renderq_shared.jobs import JobRecord
from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.objects import FolderStore
from tests.api.conftest import SettingsFor
from tests.api.doors.conftest import IMAGE_BASE64, Call, claim
from tests.api.doors.test_openai_generations import watched
from tests.api.running_api import RunningApi
from tests.api.worker import Worker
from tests.fast_model.catalog import fast_model
from tests.polling import wait_until

CATALOG = Catalog(models=(fast_model(),))
META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}


def message(method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


def post(http: httpx2.Client, method: str, version: str | None = "2025-11-25", **params: Any) -> httpx2.Response:
    headers = {"MCP-Protocol-Version": version} if version else {}
    return http.post("/mcp", json=message(method, **params), headers=headers)


def post_standalone(
    http: httpx2.Client, method: str, headers: dict[str, str] | None = None, **params: Any
) -> httpx2.Response:
    """Send a request of 2026-07-28. `headers` override those that belong to it."""
    sent = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method, "Mcp-Name": str(params.get("name", ""))}
    return http.post("/mcp", json=message(method, **{"_meta": META, **params}), headers={**sent, **(headers or {})})


def call_tool(http: httpx2.Client, name: str, version: str | None = "2025-11-25", **arguments: Any) -> dict[str, Any]:
    """Return the result of a tool."""
    response = post(http, "tools/call", version, name=name, arguments=arguments)
    assert response.status_code == 200, response.text
    return response.json()["result"]


def request_of(record: JobRecord) -> dict[str, Any]:
    return json.loads(record.request_json)


def status(http: httpx2.Client, record: JobRecord) -> str:
    return http.get(f"/v1/jobs/{record.id}").json()["status"]


def test_images_come_as_blocks_links_and_data(http: httpx2.Client, worker: Worker, call: Call) -> None:
    made = call(post, http, "tools/call", name="generate_image", arguments={"prompt": "x", "n": 2, "seed": None})
    record = worker.finish(claim(worker))
    response = made.result()
    assert response.headers["x-renderq-job"] == record.id
    assert response.json()["id"] == 1
    result = response.json()["result"]
    image, link, *_, words = result["content"]
    assert [block["type"] for block in result["content"]] == ["image", "resource_link"] * 2 + ["text"]
    assert image == {"type": "image", "data": IMAGE_BASE64, "mimeType": "image/png"}
    assert link["name"] == f"{record.id}-0.png"
    assert httpx2.get(link["uri"], trust_env=False).content == base64.b64decode(IMAGE_BASE64)
    assert record.id in words["text"]
    data = result["structuredContent"]
    assert (data["job"], data["status"], data["model"]) == (record.id, "succeeded", "shapes")
    assert [(each["seed"], each["width"], each["height"]) for each in data["images"]] == [(7, 64, 64), (8, 64, 64)]
    assert data["images"][0]["url"] in words["text"]
    assert result["isError"] is False
    expected = {"task": "txt2img", "prompt": "x", "n": 2, "deadline_seconds": 3600.0}
    assert expected.items() <= request_of(record).items()
    assert http.get(f"/v1/jobs/{record.id}").json()["door"] == "mcp"


def test_a_client_that_is_too_old_for_links_gets_none(http: httpx2.Client, worker: Worker, call: Call) -> None:
    made = call(call_tool, http, "generate_image", None, prompt="x")
    worker.finish(claim(worker))
    assert [block["type"] for block in made.result()["content"]] == ["image", "text"]


def test_a_job_that_takes_longer_is_fetched_later(settings_for: SettingsFor, store: RedisJobStore, call: Call) -> None:
    with RunningApi(settings_for(door_wait_seconds=1)) as api, api.client() as http:
        worker = Worker(store, FolderStore(api.settings.store_folder))
        pending = call_tool(http, "generate_image", prompt="x")
        assert (pending["isError"], pending["structuredContent"]["status"]) == (False, "queued")
        assert "get_image" in pending["content"][0]["text"]
        job = pending["structuredContent"]["job"]
        record = worker.claim()
        assert record.id == job
        assert call_tool(http, "get_image", job=job)["structuredContent"]["status"] == "running"
        worker.finish(record)
        assert call_tool(http, "get_image", job=job)["structuredContent"]["status"] == "succeeded"


def test_a_job_can_be_canceled(http: httpx2.Client, worker: Worker, call: Call) -> None:
    made = call(call_tool, http, "generate_image", prompt="x")
    record = claim(worker)
    canceled = call_tool(http, "cancel_image", job=record.id)
    assert canceled["structuredContent"] == {"job": record.id, "status": "canceling"}
    worker.cancel(record)
    result = made.result()
    assert (result["isError"], result["structuredContent"]["status"]) == (True, "canceled")
    assert "The job was canceled." in result["content"][0]["text"]


def test_a_job_that_fails_says_why(http: httpx2.Client, worker: Worker, call: Call) -> None:
    made = call(call_tool, http, "generate_image", prompt="x")
    worker.fail(claim(worker))
    assert made.result()["isError"]
    assert "The image contains NaN." in made.result()["content"][0]["text"]


def test_a_job_whose_file_is_not_there_any_more_says_so(http: httpx2.Client, api: RunningApi, worker: Worker) -> None:
    http.post("/v1/jobs", json={"prompt": "x"})
    record = worker.finish(worker.claim())
    FolderStore(api.settings.store_folder).delete_prefix(f"jobs/{record.id}/")
    result = call_tool(http, "get_image", job=record.id)
    assert (result["isError"], result["structuredContent"]) == (True, {"error": "not_found"})
    assert result["content"][0]["text"] == "The image is no longer in the object store."


def test_a_client_that_hangs_up_cancels_its_job(http: httpx2.Client, api: RunningApi) -> None:
    hang_up(api, "generate_image", prompt="x")
    wait_until(lambda: [job["status"] for job in http.get("/v1/jobs").json()["data"]] == ["canceled"])


def test_a_client_that_hangs_up_cancels_no_job_of_another_program(
    http: httpx2.Client, api: RunningApi, worker: Worker
) -> None:
    http.post("/v1/jobs", json={"prompt": "x"})
    record = worker.claim()
    hang_up(api, "get_image", job=record.id)
    wait_until(lambda: not watched(api, record.id))
    assert status(http, record) == "running"


def hang_up(api: RunningApi, name: str, **arguments: Any) -> None:
    """Call a tool and give up."""
    body = message("tools/call", name=name, arguments=arguments)
    with pytest.raises(httpx2.ReadTimeout), api.client() as http:
        http.post("/mcp", json=body, timeout=httpx2.Timeout(30, read=0.5))


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("generate_image", {}, "prompt: This field is required."),
        ("generate_image", {"prompt": "x", "size": "64x64"}, "size: Unknown field."),
        ("generate_image", {"prompt": "x", "foo": 1}, "foo: Unknown field. Known fields: "),
        ("generate_image", {"prompt": "x", "scheduler": "ddim", "schedule": "karras"}, "schedule: "),
        ("generate_image", {"prompt": "x", "n": True}, "n: Must be an integer, not true."),
        ("generate_image", {"prompt": "x", "n": "2"}, 'n: Must be an integer, not "2".'),
        ("generate_image", {"prompt": "x", "n": 5}, "n: Must be at most 4, not 5."),
        ("generate_image", {"prompt": "x", "model": "nope"}, "There is no model"),
        ("generate_image", {"prompt": "x", "strength": 0.5}, "strength: Give image, too"),
        ("generate_image", {"prompt": "x", "mask": "asset_0"}, "mask: "),
        ("generate_image", {"prompt": "x", "image": f"asset_{'0' * 64}"}, "Asset not found."),
        ("generate_image", {"prompt": "x", "image": "http://127.0.0.1/x.png"}, "image: "),
        ("generate_image", {"prompt": "x", "width": 8, "height": 0}, "height: Must be at least 1"),
        ("get_image", {"job": "job_x"}, "Job not found."),
        ("get_image", {"job": f"job_{'0' * 26}"}, "Job not found."),
        ("cancel_image", {"job": "../jobs"}, "Job not found."),
        ("list_models", {"all": True}, "all: Unknown field. There are none here"),
    ],
)
def test_a_refusal_is_a_result_that_says_why(
    http: httpx2.Client, name: str, arguments: dict[str, Any], words: str
) -> None:
    result = call_tool(http, name, **arguments)
    assert result["isError"]
    [block] = result["content"]
    assert block["text"].startswith(words)
    assert "fields: ." not in block["text"]
    assert "GET /" not in block["text"]
    assert http.get("/v1/jobs").json()["data"] == []


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, {"task": "txt2img"}),
        ({"width": 1024, "height": 512}, {"task": "txt2img", "width": 88, "height": 40}),
        ({"width": 128, "seed": 3, "steps": 5}, {"task": "txt2img", "width": 128, "seed": 3, "steps": 5}),
        ({"image": "job_a/0", "strength": 0.5}, {"task": "img2img", "image": "job_a/0", "strength": 0.5}),
        ({"image": "https://x.org/a.png", "mask": "https://x.org/b.png"}, {"task": "inpaint"}),
        ({"negative_prompt": "y", "n": 3}, {"task": "txt2img", "negative_prompt": "y", "n": 3}),
        ({"scheduler": "dpmpp_2m", "schedule": "karras"}, {"scheduler": "dpmpp_2m", "schedule": "karras"}),
    ],
)
def test_the_arguments_of_a_job(arguments: dict[str, Any], expected: dict[str, Any]) -> None:
    images = {name: value for name, value in arguments.items() if name in ("image", "mask")}
    if "image" in images and images["image"].startswith("job_"):
        arguments = {**arguments, "image": images["image"].replace("job_a", "job_" + "0" * 26)}
        expected = {**expected, "image": arguments["image"]}
    body = job_body(GenerateImage.model_validate({"prompt": "x", **arguments}), CATALOG)
    assert expected.items() <= body.items()
    assert set(body) == {"task", "model", "prompt", "n", "deadline_seconds", *arguments}


def noise(side: int) -> bytes:
    """Return a PNG that cannot be compressed."""
    file = io.BytesIO()
    Image.frombytes("RGB", (side, side), random.Random(1).randbytes(3 * side * side)).save(file, "PNG")
    return file.getvalue()


def test_a_large_image_comes_smaller_and_its_link_leads_to_the_file(
    http: httpx2.Client, api: RunningApi, store: RedisJobStore, call: Call
) -> None:
    large = noise(1100)
    worker = Worker(store, FolderStore(api.settings.store_folder), image=large)
    made = call(call_tool, http, "generate_image", prompt="x")
    worker.finish(claim(worker))
    image, link, _ = made.result()["content"]
    assert image["mimeType"] == "image/jpeg"
    assert Image.open(io.BytesIO(base64.b64decode(image["data"]))).size == (1024, 1024)
    assert httpx2.get(link["uri"], trust_env=False).content == large


def test_an_image_just_within_the_limit_comes_as_it_is(
    http: httpx2.Client, api: RunningApi, store: RedisJobStore, call: Call
) -> None:
    largest = bytes(MAX_CHARACTERS // 4 * 3)
    worker = Worker(store, FolderStore(api.settings.store_folder), image=largest)
    made = call(call_tool, http, "generate_image", prompt="x")
    worker.finish(claim(worker))
    assert made.result()["content"][0]["data"] == base64.b64encode(largest).decode()


def test_a_smaller_image_keeps_its_proportion_and_loses_transparency() -> None:
    file = io.BytesIO()
    Image.new("RGBA", (2048, 512), (255, 0, 0, 128)).save(file, "PNG")
    smaller = Image.open(io.BytesIO(smaller_image(file.getvalue())))
    assert (smaller.format, smaller.mode, smaller.size) == ("JPEG", "RGB", (1024, 256))
    assert Image.open(io.BytesIO(smaller_image(noise(64)))).size == (64, 64)


def test_models_are_listed_with_what_they_can_do(http: httpx2.Client) -> None:
    result = call_tool(http, "list_models")
    [model] = result["structuredContent"]["models"]
    assert (model["name"], model["width"], model["max_side"]) == ("shapes", 64, 512)
    assert "inpaint" in model["tasks"]
    assert result["content"][0]["text"].startswith("shapes: txt2img")


@pytest.mark.parametrize(
    ("asked", "spoken"),
    [
        ("2024-11-05", "2024-11-05"),
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        ("2030-01-01", "2025-11-25"),
        ("2026-07-28", "2025-11-25"),
        (None, "2025-11-25"),
    ],
)
def test_a_handshake_agrees_on_a_version(http: httpx2.Client, asked: str | None, spoken: str) -> None:
    result = post(http, "initialize", None, protocolVersion=asked).json()["result"]
    assert (result["protocolVersion"], result["serverInfo"]["name"]) == (spoken, "renderq")
    assert result["capabilities"] == {"tools": {}}


def test_tools_have_schemas_that_refuse_other_arguments(http: httpx2.Client) -> None:
    tools = {tool["name"]: tool["inputSchema"] for tool in post(http, "tools/list").json()["result"]["tools"]}
    assert set(tools) == {"generate_image", "get_image", "list_models", "cancel_image"}
    assert all(schema["type"] == "object" and schema["additionalProperties"] is False for schema in tools.values())
    assert tools["generate_image"]["required"] == ["prompt"]
    assert "$ref" not in json.dumps(tools)


def test_a_ping_gets_an_empty_result(http: httpx2.Client) -> None:
    assert post(http, "ping").json() == {"jsonrpc": "2.0", "id": 1, "result": {}}


def test_a_notification_is_dropped(http: httpx2.Client) -> None:
    response = http.post("/mcp", json={"jsonrpc": "2.0", "method": "notifications/initialized"})
    assert (response.status_code, response.content) == (202, b"")


def test_a_request_that_stands_alone_gets_what_a_handshake_would_have_said(http: httpx2.Client) -> None:
    discovered = post_standalone(http, "server/discover").json()["result"]
    assert discovered["supportedVersions"] == ["2026-07-28"]
    listed = post_standalone(http, "tools/list").json()["result"]
    called = post_standalone(http, "tools/call", name="list_models").json()["result"]
    for result in (discovered, listed, called):
        assert result["resultType"] == "complete"
        assert result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "renderq"
    for result in (discovered, listed):
        assert (result["ttlMs"], result["cacheScope"]) == (60_000, "private")
    assert called["isError"] is False


@pytest.mark.parametrize(
    ("method", "headers", "params", "code"),
    [
        ("nope", {}, {}, (404, -32601)),
        ("initialize", {}, {}, (404, -32601)),
        ("tools/call", {}, {"name": "nope"}, (400, -32602)),
        ("tools/list", {}, {"_meta": {}}, (400, -32602)),
        ("tools/list", {}, {"_meta": 7}, (400, -32602)),
        ("tools/list", {"Mcp-Method": "ping"}, {}, (400, -32020)),
        ("tools/call", {"Mcp-Name": "get_image"}, {"name": "list_models"}, (400, -32020)),
        ("tools/call", {"Mcp-Name": "=?base64?bGlzdF9tb2RlbHM=?="}, {"name": "list_models"}, None),
        ("tools/call", {"Mcp-Name": "=?base64?%?="}, {"name": "list_models"}, (400, -32020)),
        (
            "tools/list",
            {},
            {"_meta": {**META, "io.modelcontextprotocol/protocolVersion": "2025-11-25"}},
            (400, -32020),
        ),
        ("tools/list", {"MCP-Protocol-Version": "2027-01-01"}, {}, (400, -32022)),
    ],
)
def test_errors_of_a_request_that_stands_alone(
    http: httpx2.Client, method: str, headers: dict[str, str], params: dict[str, Any], code: tuple[int, int] | None
) -> None:
    response = post_standalone(http, method, headers, **params)
    body = response.json()
    assert body["id"] == 1
    assert code == (("error" in body and (response.status_code, body["error"]["code"])) or None)
    if code == (400, -32022):
        assert body["error"]["data"] == {"supported": ["2026-07-28"], "requested": "2027-01-01"}


@pytest.mark.parametrize("methods", [[], ["tools/list", "tools/list"]])
def test_a_header_that_stands_for_the_body_is_sent_once(http: httpx2.Client, methods: list[str]) -> None:
    headers = [("MCP-Protocol-Version", "2026-07-28"), *(("Mcp-Method", method) for method in methods)]
    response = http.post("/mcp", json=message("tools/list", _meta=META), headers=headers)
    assert (response.status_code, response.json()["error"]["code"]) == (400, -32020)


@pytest.mark.parametrize(
    ("content", "code", "request_id"),
    [
        (b"{", -32700, None),
        (b"", -32700, None),
        (b"[]", -32600, None),
        (b'[{"jsonrpc": "2.0", "id": 1, "method": "ping"}]', -32600, None),
        (b'{"id": 1, "method": "ping"}', -32600, 1),
        (b'{"jsonrpc": "2.0", "id": null, "method": "ping"}', -32600, None),
        (b'{"jsonrpc": "2.0", "id": true, "method": "ping"}', -32600, None),
        (b'{"jsonrpc": "2.0", "id": "a", "result": {}}', -32600, "a"),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": []}', -32600, 1),
        (b'{"jsonrpc": "2.0", "id": 1, "id": 2, "method": "ping"}', -32600, None),
    ],
)
def test_a_body_that_is_no_message_is_refused(
    http: httpx2.Client, content: bytes, code: int, request_id: str | int | None
) -> None:
    response = http.post("/mcp", content=content, headers={"Content-Type": "application/json"})
    body = response.json()
    assert (response.status_code, body["error"]["code"], body["id"]) == (400, code, request_id)


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [("nope", {}, -32601), ("tools/call", {"name": "nope"}, -32602), ("tools/call", {"arguments": []}, -32602)],
)
def test_errors_of_the_versions_with_a_handshake_have_the_status_200(
    http: httpx2.Client, method: str, params: dict[str, Any], code: int
) -> None:
    response = post(http, method, **params)
    assert (response.status_code, response.json()["error"]["code"], response.json()["id"]) == (200, code, 1)


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_there_is_no_stream_and_no_session_to_end(http: httpx2.Client, method: str) -> None:
    response = http.request(method, "/mcp", headers={"Accept": "text/event-stream"})
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "text/plain"}, 415),
        ({"Origin": "https://evil.example"}, 403),
        ({"Host": "evil.example"}, 403),
    ],
)
def test_what_other_routes_refuse_is_refused_in_the_form_of_the_door(
    http: httpx2.Client, headers: dict[str, str], status: int
) -> None:
    response = http.post("/mcp", content=json.dumps(message("ping")), headers=headers)
    assert (response.status_code, response.json()["error"]["code"]) == (status, -32000)
    assert response.json()["error"]["message"].endswith(".")


def test_a_key_is_required_where_keys_are(settings_for: SettingsFor) -> None:
    with RunningApi(settings_for(keys="required", doors="mcp")) as api, api.client() as http:
        response = post(http, "ping")
        closed = http.post("/hf/shapes", json={"inputs": "x"})
    assert (response.status_code, response.json()["error"]["data"]) == (401, {"code": "unauthorized"})
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert closed.status_code == 401
