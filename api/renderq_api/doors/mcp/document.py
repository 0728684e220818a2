"""Requests and responses in the OpenAPI document."""

from typing import Any

from renderq_api.doors.job_run import JOB_HEADER
from renderq_api.openapi.responses import Responses

_MESSAGE: dict[str, Any] = {"application/json": {"schema": {"type": "object"}}}

_ERRORS = {
    400: "The body is no message, or its version is not served.",
    401: "A valid API key is required.",
    403: "The API key lacks the permission, or the request comes from a page of another site.",
    404: "There is no such method (2026-07-28).",
    408: "The request took too long to arrive.",
    413: "The request is too large.",
    415: "The media type is not supported.",
    429: "A limit is reached.",
    500: "The service has failed.",
    503: "The service is unavailable.",
}


def _error(text: str) -> dict[str, Any]:
    return {"description": f"{text} The body is an error of JSON-RPC.", "content": _MESSAGE}


MESSAGE_RESPONSES: Responses = {
    200: {
        "description": "The response of JSON-RPC 2.0.",
        "headers": {JOB_HEADER: {"description": "Id of the job.", "schema": {"type": "string"}}},
        "content": _MESSAGE,
    },
    202: {"description": "A notification was received."},
    **{status: _error(text) for status, text in _ERRORS.items()},
}

MESSAGE_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {"type": "object", "description": "A request or notification of JSON-RPC 2.0."},
            "examples": {
                "generate_image": {
                    "value": {
                        "jsonrpc": "2.0",
                        "id": 1,
                        "method": "tools/call",
                        "params": {
                            "name": "generate_image",
                            "arguments": {"prompt": "a red circle on a blue background", "seed": 7},
                        },
                    }
                },
            },
        }
    },
}
