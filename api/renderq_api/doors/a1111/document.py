"""Requests and responses in the OpenAPI document."""

from typing import Any

from pydantic import BaseModel

from renderq_api.doors.a1111.errors import A1111Error
from renderq_api.doors.a1111.fields import ImageFields, Img2ImgFields
from renderq_api.doors.job_run import IGNORED_HEADER, JOB_HEADER
from renderq_api.openapi.responses import Responses

_ERRORS = {
    400: "The sampler or the model does not exist.",
    401: "A valid API key is required, as `Bearer`, or as user name or password of `Basic`.",
    403: "The API key lacks the permission.",
    408: "The request took too long to arrive.",
    413: "The request is too large.",
    415: "The media type is not supported.",
    422: "The request is not valid, asks for what renderq does not do, or the job failed because of it.",
    429: "A limit is reached.",
    500: "The job failed, or the service has.",
    503: "The queue is full, or the service is unavailable.",
    504: "The job did not end in time.",
}

ERRORS: Responses = {status: {"model": A1111Error, "description": text} for status, text in _ERRORS.items()}

JOB_RESPONSES: Responses = {
    200: {
        "description": "The images; of an interrupted job those that were finished.",
        "headers": {
            JOB_HEADER: {"description": "Id of the job.", "schema": {"type": "string"}},
            IGNORED_HEADER: {"description": "Fields that change nothing here.", "schema": {"type": "string"}},
        },
    },
    **ERRORS,
}


def json_body(fields: type[BaseModel], **example: Any) -> dict[str, Any]:
    """Return a required body."""
    schema = fields.model_json_schema()
    schema.pop("$defs", None)
    if "override_settings" in schema.get("properties", {}):
        schema["properties"]["override_settings"] = {"type": "object", "description": "Options for one request."}
    content = {"schema": schema, "examples": {"smallest": {"value": example}}}
    return {"required": True, "content": {"application/json": content}}


TXT2IMG_BODY = json_body(ImageFields, prompt="a red circle on a blue background", steps=20, width=512, height=512)
IMG2IMG_BODY = json_body(Img2ImgFields, prompt="a red circle", init_images=["iVBORw0KGgo…"], denoising_strength=0.5)
