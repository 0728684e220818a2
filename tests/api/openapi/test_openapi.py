"""The OpenAPI document matches the service."""

import hashlib
from typing import Any

import httpx2
import pytest

from renderq.contract import LIMITS, PROBLEMS, TASKS, WEBHOOK_EVENT_TYPES, ProblemKind
from renderq_api.doors import DOORS
from tests.api.assets.image_files import image_file

ASSET = f"asset_{hashlib.sha256(image_file()).hexdigest()}"


@pytest.fixture
def document(http: httpx2.Client) -> dict[str, Any]:
    return http.get("/openapi.json").json()


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, method, operation) for path, item in document["paths"].items() for method, operation in item.items()]


def test_version_and_routes(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert {(method, path) for path, method, _ in operations(document)} == {
        ("post", "/v1/jobs"),
        ("get", "/v1/jobs"),
        ("get", "/v1/jobs/{job_id}"),
        ("get", "/v1/jobs/{job_id}/events"),
        ("post", "/v1/jobs/cancel"),
        ("post", "/v1/jobs/delete"),
        ("post", "/v1/jobs/{job_id}/cancel"),
        ("post", "/v1/jobs/{job_id}/move"),
        ("post", "/v1/jobs/{job_id}/retry"),
        ("delete", "/v1/jobs/{job_id}"),
        ("patch", "/v1/jobs/{job_id}"),
        ("post", "/hf/{model}"),
        ("post", "/mcp"),
        ("get", "/internal/ping"),
        ("get", "/metrics"),
        ("get", "/sdapi/v1/cmd-flags"),
        ("get", "/sdapi/v1/embeddings"),
        ("get", "/sdapi/v1/extensions"),
        ("post", "/sdapi/v1/extra-single-image"),
        ("get", "/sdapi/v1/face-restorers"),
        ("get", "/sdapi/v1/hypernetworks"),
        ("post", "/sdapi/v1/img2img"),
        ("post", "/sdapi/v1/interrupt"),
        ("get", "/sdapi/v1/latent-upscale-modes"),
        ("get", "/sdapi/v1/loras"),
        ("get", "/sdapi/v1/memory"),
        ("get", "/sdapi/v1/options"),
        ("post", "/sdapi/v1/options"),
        ("post", "/sdapi/v1/png-info"),
        ("get", "/sdapi/v1/progress"),
        ("get", "/sdapi/v1/prompt-styles"),
        ("get", "/sdapi/v1/realesrgan-models"),
        ("post", "/sdapi/v1/refresh-checkpoints"),
        ("post", "/sdapi/v1/refresh-embeddings"),
        ("post", "/sdapi/v1/refresh-loras"),
        ("post", "/sdapi/v1/refresh-vae"),
        ("post", "/sdapi/v1/reload-checkpoint"),
        ("get", "/sdapi/v1/samplers"),
        ("get", "/sdapi/v1/schedulers"),
        ("get", "/sdapi/v1/script-info"),
        ("get", "/sdapi/v1/scripts"),
        ("get", "/sdapi/v1/sd-models"),
        ("get", "/sdapi/v1/sd-modules"),
        ("get", "/sdapi/v1/sd-vae"),
        ("post", "/sdapi/v1/skip"),
        ("post", "/sdapi/v1/txt2img"),
        ("post", "/sdapi/v1/unload-checkpoint"),
        ("get", "/sdapi/v1/upscalers"),
        ("post", "/v1/batches"),
        ("get", "/v1/batches"),
        ("get", "/v1/batches/{batch_id}"),
        ("post", "/v1/batches/{batch_id}/cancel"),
        ("post", "/v1/batches/{batch_id}/retry"),
        ("get", "/v1/events"),
        ("get", "/v1/me"),
        ("get", "/v1/usage"),
        ("get", "/v1/failures"),
        ("get", "/v1/jobs/{job_id}/images/{index}"),
        ("get", "/v1/jobs/{job_id}/images/grid"),
        ("get", "/v1/jobs/{job_id}/images/{index}/thumbnail"),
        ("post", "/v1/jobs/{job_id}/images/{index}/link"),
        ("post", "/v1/jobs/{job_id}/images/grid/link"),
        ("post", "/v1/assets"),
        ("get", "/v1/assets/{asset_id}"),
        ("get", "/v1/assets/{asset_id}/content"),
        ("get", "/v1/files/{key}"),
        ("get", "/v1/jobs/{job_id}/deliveries"),
        ("post", "/v1/deliveries/{delivery_id}/replay"),
        ("post", "/v1/visitors"),
        ("post", "/v1/images/generations"),
        ("post", "/v1/images/edits"),
        ("post", "/v1/images/variations"),
        ("get", "/v1/models"),
        ("get", "/v1/models/{name}"),
        ("get", "/v1/models/{name}/image"),
        ("get", "/v1/styles"),
        ("post", "/v1/models/{name}/{action}"),
        ("get", "/v1/tenants"),
        ("post", "/v1/tenants/{name}/{action}"),
        ("delete", "/v1/tenants/{name}/data"),
        ("get", "/v1/tenants/{name}/data"),
        ("get", "/v1/workers"),
        ("post", "/v1/workers/{id}/drain"),
        ("get", "/v1/stats"),
        ("get", "/v1/stats/history"),
        ("get", "/healthz"),
        ("get", "/readyz"),
    }


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    def references(node: object) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
            return own + [reference for value in node.values() for reference in references(value)]
        if isinstance(node, list):
            return [reference for value in node for reference in references(value)]
        return []

    all_references = set(references(document))
    assert all_references
    for reference in all_references:
        node: Any = document
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]


def test_every_path_parameter_is_described(document: dict[str, Any]) -> None:
    for path, _, operation in operations(document):
        described = {one["name"] for one in operation.get("parameters", []) if one["in"] == "path"}
        assert described == {part[1:-1] for part in path.split("/") if part.startswith("{")}, path
        names = [(one["in"], one["name"]) for one in operation.get("parameters", [])]
        assert len(names) == len(set(names)), path


def test_operations_have_names_of_their_own(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert {"submit_job", "get_job", "list_jobs", "upload_asset", "get_asset"} <= set(names)
    names += [item["post"]["operationId"] for item in document["webhooks"].values()]
    assert len(names) == len(set(names))
    assert all(operation["summary"] for _, _, operation in operations(document))


def test_errors_are_documented_as_problems(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        for status, response in operation["responses"].items():
            assert "X-Request-Id" in response["headers"], (path, method, status)
            if int(status) < 400 or operation["tags"][0] in DOORS:
                continue
            content = response["content"]
            assert set(content) == {"application/problem+json"}, (path, method, status)
            examples = content["application/problem+json"]["examples"]
            assert {PROBLEMS[ProblemKind(code)].status for code in examples} == {int(status)}
        invalid = "400" if operation["tags"][0] in ("openai", "mcp") else "422"
        assert {"403", invalid, "500", "503"} <= set(operation["responses"]), path


def test_every_webhook_is_documented(document: dict[str, Any]) -> None:
    assert tuple(document["webhooks"]) == WEBHOOK_EVENT_TYPES
    for event, item in document["webhooks"].items():
        operation = item["post"]
        assert {"2XX", "410", "default"} <= set(operation["responses"])
        body, of_this_type = operation["requestBody"]["content"]["application/json"]["schema"]["allOf"]
        assert body == {"$ref": "#/components/schemas/WebhookEvent"}
        assert of_this_type["properties"] == {"type": {"const": event}}
        headers = {header["name"]: header["example"] for header in operation["parameters"]}
        assert set(headers) == {"webhook-id", "webhook-timestamp", "webhook-signature"}
        assert all(header["required"] and header["in"] == "header" for header in operation["parameters"])


def test_no_schema_of_the_framework_remains(document: dict[str, Any]) -> None:
    assert not {"HTTPValidationError", "ValidationError"} & set(document["components"]["schemas"])


def test_examples_of_the_submission_are_accepted(http: httpx2.Client, document: dict[str, Any]) -> None:
    content = document["paths"]["/v1/jobs"]["post"]["requestBody"]["content"]["application/json"]
    assert {one["$ref"].rpartition("/")[2] for one in content["schema"]["oneOf"]} == {
        model.__name__ for model in TASKS.values()
    }
    for example in content["examples"].values():
        assert http.post("/v1/jobs", json=example["value"]).status_code == 201


def test_every_field_of_a_request_is_described(document: dict[str, Any]) -> None:
    for model in TASKS.values():
        properties = document["components"]["schemas"][model.__name__]["properties"]
        assert set(properties) == set(model.model_fields)
        assert all(schema.get("description") for name, schema in properties.items() if name not in {"task", "output"})


def test_all_answers_of_the_other_tests_are_documented(http: httpx2.Client, document: dict[str, Any]) -> None:
    """Provokes every kind of response of every route once; the document has its status."""
    job = http.post("/v1/jobs", json={"prompt": "x"}).json()["id"]
    foreign = {"Host": "example.org"}
    for method, path, route, options in [
        ("POST", "/v1/jobs", "/v1/jobs", {"json": {"prompt": "x"}}),
        ("POST", "/v1/jobs", "/v1/jobs", {"json": {}}),
        ("POST", "/v1/jobs", "/v1/jobs", {"content": b"x"}),
        ("POST", "/v1/jobs", "/v1/jobs", {"json": {"prompt": "x" * 2**20}}),
        ("POST", "/v1/jobs", "/v1/jobs", {"json": {"prompt": "x"}, "headers": foreign}),
        ("GET", f"/v1/jobs/{job}", "/v1/jobs/{job_id}", {}),
        ("GET", f"/v1/jobs/{job}", "/v1/jobs/{job_id}", {"headers": {"If-None-Match": "*"}}),
        ("GET", f"/v1/jobs/{job}?x", "/v1/jobs/{job_id}", {}),
        ("GET", "/v1/jobs/x", "/v1/jobs/{job_id}", {}),
        ("GET", "/v1/jobs?limit=1", "/v1/jobs", {}),
        ("GET", "/v1/jobs?limit=0", "/v1/jobs", {}),
        ("POST", f"/v1/jobs/{job}/cancel", "/v1/jobs/{job_id}/cancel", {}),
        ("GET", f"/v1/jobs/{job}/events", "/v1/jobs/{job_id}/events", {}),
        ("GET", f"/v1/jobs/{job}/events?x", "/v1/jobs/{job_id}/events", {}),
        ("GET", "/v1/jobs/x/events", "/v1/jobs/{job_id}/events", {}),
        ("POST", f"/v1/jobs/{job}/cancel", "/v1/jobs/{job_id}/cancel", {"content": b"x"}),
        ("POST", "/v1/jobs/x/cancel", "/v1/jobs/{job_id}/cancel", {}),
        ("POST", f"/v1/jobs/{job}/retry", "/v1/jobs/{job_id}/retry", {}),
        ("POST", f"/v1/jobs/{job}/move", "/v1/jobs/{job_id}/move", {"json": {"to": "front"}}),
        ("POST", "/v1/jobs/x/move", "/v1/jobs/{job_id}/move", {"json": {"to": "front"}}),
        ("POST", "/v1/jobs/x/retry", "/v1/jobs/{job_id}/retry", {}),
        ("POST", "/v1/batches", "/v1/batches", {"json": {"requests": [{"prompt": "x"}]}}),
        ("POST", "/v1/batches", "/v1/batches", {"json": {"requests": []}}),
        ("GET", "/v1/batches?limit=0", "/v1/batches", {}),
        ("GET", "/v1/batches", "/v1/batches", {}),
        ("GET", "/v1/batches/x", "/v1/batches/{batch_id}", {}),
        ("POST", "/v1/batches/x/cancel", "/v1/batches/{batch_id}/cancel", {}),
        ("POST", "/v1/batches/x/retry", "/v1/batches/{batch_id}/retry", {}),
        ("PATCH", f"/v1/jobs/{job}", "/v1/jobs/{job_id}", {"json": {"kept": True}}),
        ("PATCH", f"/v1/jobs/{job}", "/v1/jobs/{job_id}", {"json": {"kept": 1}}),
        ("DELETE", f"/v1/jobs/{job}", "/v1/jobs/{job_id}", {}),
        ("DELETE", "/v1/jobs/x", "/v1/jobs/{job_id}", {}),
        ("POST", "/v1/jobs/cancel", "/v1/jobs/cancel", {"json": {"status": "queued"}}),
        ("POST", "/v1/jobs/cancel", "/v1/jobs/cancel", {"json": {}}),
        ("POST", "/v1/jobs/delete", "/v1/jobs/delete", {"json": {"ids": ["x"]}}),
        ("GET", "/v1/jobs/x/images/0", "/v1/jobs/{job_id}/images/{index}", {}),
        ("POST", "/v1/jobs/x/images/0/link", "/v1/jobs/{job_id}/images/{index}/link", {}),
        ("POST", "/v1/jobs/x/images/grid/link", "/v1/jobs/{job_id}/images/grid/link", {"json": {}}),
        ("POST", "/v1/assets", "/v1/assets", {"files": {"file": image_file()}}),
        ("POST", "/v1/assets", "/v1/assets", {"files": {"file": b""}}),
        ("POST", "/v1/assets", "/v1/assets", {"files": {"file": b"x"}}),
        ("POST", "/v1/assets", "/v1/assets", {"files": {"file": bytes(LIMITS.asset_bytes + 1)}}),
        ("GET", f"/v1/assets/{ASSET}", "/v1/assets/{asset_id}", {}),
        ("GET", "/v1/assets/x", "/v1/assets/{asset_id}", {}),
        ("GET", f"/v1/assets/{ASSET}/content", "/v1/assets/{asset_id}/content", {}),
        ("GET", "/v1/assets/x/content", "/v1/assets/{asset_id}/content", {}),
        ("GET", "/v1/files/x", "/v1/files/{key}", {}),
        ("GET", "/v1/files/.x", "/v1/files/{key}", {}),
        ("GET", "/v1/events?x", "/v1/events", {}),
        ("GET", "/v1/me", "/v1/me", {}),
        ("GET", "/v1/me?x", "/v1/me", {}),
        ("GET", "/v1/models", "/v1/models", {}),
        ("GET", "/v1/models/x", "/v1/models/{name}", {}),
        ("GET", "/v1/models/shapes/image", "/v1/models/{name}/image", {}),
        ("GET", "/v1/styles", "/v1/styles", {}),
        ("GET", "/v1/workers", "/v1/workers", {"headers": foreign}),
        ("GET", "/v1/stats", "/v1/stats", {}),
        ("GET", "/v1/stats/history", "/v1/stats/history", {}),
        ("GET", "/healthz", "/healthz", {}),
        ("GET", "/readyz", "/readyz", {}),
    ]:
        response = http.request(method, path, **options)
        responses = document["paths"][route][method.lower()]["responses"]
        assert str(response.status_code) in responses, (method, path, response.status_code)
        media_type = response.headers.get("content-type")
        assert media_type in {None, *responses[str(response.status_code)].get("content", {})}


def test_a_known_document_is_not_sent_again(http: httpx2.Client) -> None:
    first = http.get("/openapi.json", headers={"Host": "localhost"})
    assert first.headers["cache-control"] == "no-cache"
    known = {"If-None-Match": first.headers["etag"]}
    again = http.get("/openapi.json", headers={"Host": "localhost", **known})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    elsewhere = http.get("/openapi.json", headers={"Host": "127.0.0.1", **known})
    assert elsewhere.json() == {**first.json(), "servers": [{"url": "http://127.0.0.1"}]}
