"""OpenAPI document of all routes, served at `/openapi.json`."""

import hashlib
import json
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from renderq.contract import (
    TASKS,
    CancelJobs,
    DeletedJob,
    DeleteJobs,
    ImageLinkOptions,
    JobAnnotation,
    JobPreview,
    MoveJob,
    Preview,
    Problem,
    QueuePlaces,
    SubmitBatch,
    WebhookEvent,
)
from renderq_api.http.etag import is_current
from renderq_api.http.public_address import base_url
from renderq_api.openapi.request_bodies import REQUEST_SCHEMA
from renderq_api.openapi.schemas import REF_TEMPLATE
from renderq_api.openapi.webhooks import webhooks

_BODIES: tuple[type[BaseModel], ...] = (
    *TASKS.values(),
    JobAnnotation,
    ImageLinkOptions,
    CancelJobs,
    DeleteJobs,
    MoveJob,
    SubmitBatch,
)
"""Models of request bodies, which FastAPI does not see."""

_EVENTS: tuple[type[BaseModel], ...] = (Preview, JobPreview, DeletedJob, QueuePlaces)
"""Data of server-sent events, which OpenAPI cannot attach to a stream."""

_DESCRIPTION = """\
Submit a rendering job with `POST /v1/jobs`, poll it with `GET /v1/jobs/{id}` (`Prefer: wait=30` waits until it ends),
and fetch its images from `outputs[].url`. Every error is a problem document (RFC 9457) with a stable `code`."""


def operation_id(route: APIRoute) -> str:
    """Return the name of the route's handler. FastAPI warns about duplicates."""
    return route.name


def install_document(app: FastAPI) -> None:
    """Build the document and serve it at `/openapi.json`. Call it after all routes are added."""
    # Built and encoded at startup, because that takes a third of a second and some milliseconds.
    document = json.dumps(build_document(app), ensure_ascii=False, separators=(",", ":")).encode().removesuffix(b"}")
    digest = hashlib.sha256(document).digest()

    async def get_document(request: Request) -> Response:
        servers = json.dumps([{"url": base_url(request).rstrip("/")}]).encode()
        etag = f'W/"{hashlib.sha256(digest + servers).hexdigest()[:16]}"'
        headers = {"Cache-Control": "no-cache", "ETag": etag}
        if is_current(request.headers.getlist("if-none-match"), etag):
            return Response(status_code=304, headers={**headers, "Vary": "Accept-Encoding"})
        return Response(b'%b,"servers":%b}' % (document, servers), headers=headers, media_type="application/json")

    app.add_route("/openapi.json", get_document, include_in_schema=False)


def build_document(app: FastAPI) -> dict[str, Any]:
    """Return the document, without `servers`."""
    document = get_openapi(
        title="renderq", version=version("renderq"), summary=app.summary, description=_DESCRIPTION, routes=app.routes
    )
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for model in (Problem, *_BODIES, *_EVENTS, WebhookEvent):
        schemas.update(_schemas(model))
    schemas["SubmitBatch"]["properties"]["requests"]["anyOf"][0]["items"] = REQUEST_SCHEMA
    components["securitySchemes"] = {
        "key": {
            "type": "http",
            "scheme": "bearer",
            "description": "API key, `rq_…`. Not needed on a service without keys.",
        }
    }
    document["security"] = [{"key": []}, {}]
    components["headers"] = {
        "X-Request-Id": {"description": "Id of this request in the service's log.", "schema": {"type": "string"}}
    }
    for operation in (operation for path in document["paths"].values() for operation in path.values()):
        for response in operation["responses"].values():
            response.setdefault("headers", {})["X-Request-Id"] = {"$ref": "#/components/headers/X-Request-Id"}
    document["webhooks"] = webhooks()
    return document


def _schemas(model: type[BaseModel]) -> dict[str, Any]:
    mode = "validation" if model in _BODIES else "serialization"
    schema = model.model_json_schema(ref_template=REF_TEMPLATE, mode=mode)
    return {**schema.pop("$defs", {}), model.__name__: schema}
