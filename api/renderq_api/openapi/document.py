"""OpenAPI document: shared parameters, request bodies and responses that FastAPI cannot infer."""

from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel

from renderq.contract import LIMITS, PROBLEMS, TASKS, Preview, Problem, ProblemKind, WebhookEvent
from renderq_api.http.problems import MEDIA_TYPE, problem_document
from renderq_api.openapi.webhooks import webhooks

Responses = dict[int | str, dict[str, Any]]
Parameter = dict[str, Any]

_REF = "#/components/schemas/{model}"

_COMMON = (
    ProblemKind.INVALID_REQUEST,
    ProblemKind.FORBIDDEN,
    ProblemKind.SERVICE_UNAVAILABLE,
    ProblemKind.INTERNAL_ERROR,
)

BODY_PROBLEMS = (ProblemKind.PAYLOAD_TOO_LARGE, ProblemKind.REQUEST_TIMEOUT, ProblemKind.UNSUPPORTED_MEDIA_TYPE)
"""Problems of routes that read a body, even if only to require that it is empty."""

SUBMISSION_PROBLEMS = (
    ProblemKind.MODEL_NOT_FOUND,
    ProblemKind.TASK_NOT_SUPPORTED,
    ProblemKind.TOO_MANY_PIXELS,
    ProblemKind.ASSET_NOT_FOUND,
    ProblemKind.IDEMPOTENCY_KEY_REUSE,
    ProblemKind.NOT_FOUND,  # the job of a reused Idempotency-Key was deleted
    *BODY_PROBLEMS,
    ProblemKind.QUOTA_EXCEEDED,
    ProblemKind.QUEUE_FULL,
    ProblemKind.STORAGE_UNAVAILABLE,
)
"""Problems of routes that submit a job."""

_DESCRIPTION = """\
Submit a rendering job with `POST /v1/jobs`, poll it with `GET /v1/jobs/{id}` (`Prefer: wait=30` waits until it ends),
and fetch its images from `outputs[].url`. Every error is a problem document (RFC 9457) with a stable `code`."""


def operation_id(route: APIRoute) -> str:
    """Return the name of the route's handler. FastAPI warns about duplicates."""
    return route.name


def problems(*kinds: ProblemKind, keyed: bool = True) -> Responses:
    """Return the error responses of a route: these kinds and those common to all routes.

    `keyed`: whether the route needs an API key on a service with keys.
    """
    by_status: dict[int | str, list[ProblemKind]] = {}
    common = (ProblemKind.UNAUTHORIZED, ProblemKind.RATE_LIMITED, *_COMMON) if keyed else _COMMON
    for kind in (*kinds, *(kind for kind in common if kind not in kinds)):
        by_status.setdefault(PROBLEMS[kind].status, []).append(kind)
    return {status: _problem_response(same_status) for status, same_status in by_status.items()}


def _problem_response(kinds: list[ProblemKind]) -> dict[str, Any]:
    return {
        "description": " ".join(f"`{kind}`: {PROBLEMS[kind].title}." for kind in kinds),
        "content": {
            MEDIA_TYPE: {
                "schema": {"$ref": _REF.format(model="Problem")},
                "examples": {
                    kind: {"value": problem_document(kind, "…", "/v1/jobs", "req_0123").model_dump()} for kind in kinds
                },
            }
        },
        "headers": {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}},
    }


def header(name: str, description: str, example: str, **schema: Any) -> Parameter:
    """Return a request header parameter."""
    return {
        "in": "header",
        "name": name,
        "description": description,
        "schema": {"type": "string", **schema},
        "example": example,
    }


def response_headers(**described: str) -> dict[str, Any]:
    """Return response headers. Keyword: name with `_` for `-`; value: description."""
    named = {name.replace("_", "-"): text for name, text in described.items()}
    return {name: {"description": text, "schema": {"type": "string"}} for name, text in named.items()}


_PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="
)
"""A PNG of one pixel, short enough for an example."""

PREFER = header(
    "Prefer",
    f"`wait=N` delays the response until the job has ended, for at most N and at most {LIMITS.wait_seconds} seconds "
    "(RFC 7240). If the job has not ended by then, the response shows its current state.",
    "wait=30",
)

IDEMPOTENCY_KEY = header(
    "Idempotency-Key",
    "Makes retries safe: within 24 hours the same key and body return the same job.",
    "6f1d7c1e-3a52-4b56-9a53-0d3c6c1f7a10",
    pattern=r'^([!#-~]{1,255}|"([ !#-\[\]-~]|\\["\\]){1,255}")$',
)

ACCEPTED_JOB: Responses = {
    201: {
        "description": "The job is accepted and will reach one terminal status.",
        "headers": response_headers(
            Location="URL of the job.",
            ETag="Version of the job.",
            Preference_Applied="The granted `wait=N`.",
            Idempotency_Replayed="`true` if the key was used before: the body is the earlier job's current state.",
        ),
    }
}

JOB_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "oneOf": [{"$ref": _REF.format(model=model.__name__)} for model in TASKS.values()],
                "discriminator": {
                    "propertyName": "task",
                    "mapping": {task: _REF.format(model=model.__name__) for task, model in TASKS.items()},
                },
            },
            "examples": {
                "smallest": {"value": {"prompt": "a red circle on a blue background"}},
                "full": {
                    "value": {
                        "task": "txt2img",
                        "prompt": "a red circle on a blue background",
                        "negative_prompt": "square",
                        "steps": 20,
                        "guidance_scale": 2.0,
                        "scheduler": "euler",
                        "seed": 42,
                        "n": 4,
                        "output": {"format": "png", "embed_recipe": True},
                        "priority": 0,
                        "deadline_seconds": 120,
                        "metadata": {"order": "A-17"},
                    }
                },
                "img2img": {
                    "value": {
                        "task": "img2img",
                        "prompt": "a red circle on a blue background",
                        "image": _PIXEL,
                        "strength": 0.7,
                    }
                },
            },
        }
    },
}


IMAGE_FORM: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {
                    "file": {
                        "type": "string",
                        "format": "binary",
                        "description": f"PNG, JPEG or WebP; at most {LIMITS.asset_bytes >> 20} MiB and "
                        f"{LIMITS.asset_pixels >> 20} Mpixel. Its name and declared type are ignored.",
                    }
                },
                "required": ["file"],
                "additionalProperties": False,
            }
        }
    },
}


def install_document(app: FastAPI) -> None:
    """Build the document and serve it at `/openapi.json`. Call it after all routes are added."""
    # Built at startup because it takes a third of a second.
    document = _document(app)
    app.openapi = lambda: document


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title="renderq", version=version("renderq"), summary=app.summary, description=_DESCRIPTION, routes=app.routes
    )
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for model in (Problem, *TASKS.values(), Preview, WebhookEvent):
        schemas.update(_schemas(model))
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
    mode = "validation" if model in TASKS.values() else "serialization"
    schema = model.model_json_schema(ref_template=_REF, mode=mode)
    return {**schema.pop("$defs", {}), model.__name__: schema}
