"""Requests and responses in the OpenAPI document."""

from typing import Any

from renderq_api.doors.hf.errors import HfErrorBody
from renderq_api.doors.hf.fields import ImageRequest
from renderq_api.doors.job_run import IGNORED_HEADER, JOB_HEADER
from renderq_api.openapi.responses import Responses

_FILE = {"type": "string", "format": "binary"}
_IMAGE_TYPES = ("image/png", "image/jpeg", "image/webp")

_ERRORS = {
    400: "The job was canceled.",
    401: "A valid API key is required.",
    403: "The API key lacks the permission.",
    404: "The job or its image does not exist any more.",
    408: "The request took too long to arrive.",
    413: "The request is too large.",
    415: "The media type is not supported.",
    422: "The request is not valid, or the job failed because of it.",
    429: "A limit is reached, or the queue is full.",
    500: "The job failed, or the service has.",
    503: "The service is unavailable.",
    504: "The job did not end in time.",
}

IMAGE_RESPONSES: Responses = {
    200: {
        "description": "The image, in the first file format of `Accept` that is one of these; PNG without one.",
        "headers": {
            JOB_HEADER: {"description": "Id of the job.", "schema": {"type": "string"}},
            IGNORED_HEADER: {"description": "Parameters that change nothing here.", "schema": {"type": "string"}},
        },
        "content": {name: {"schema": _FILE} for name in _IMAGE_TYPES},
    },
    **{status: {"model": HfErrorBody, "description": text} for status, text in _ERRORS.items()},
}


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    """Return a schema with its definitions in place of references, which would lead nowhere in the document."""
    match schema:
        case {"$ref": str(reference), **others}:
            return {**_inlined(definitions[reference.rpartition("/")[2]], definitions), **others}
        case dict():
            return {name: _inlined(value, definitions) for name, value in schema.items() if name != "$defs"}
        case list():
            return [_inlined(value, definitions) for value in schema]
        case _:
            return schema


_SCHEMA = ImageRequest.model_json_schema()

IMAGE_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": _inlined(_SCHEMA, _SCHEMA["$defs"]),
            "examples": {
                "smallest": {"value": {"inputs": "a red circle on a blue background"}},
                "parameters": {
                    "value": {
                        "inputs": "a red circle on a blue background",
                        "parameters": {"width": 64, "height": 64, "num_inference_steps": 20, "seed": 7},
                    }
                },
            },
        },
        **{name: {"schema": _FILE} for name in _IMAGE_TYPES},
    },
}
