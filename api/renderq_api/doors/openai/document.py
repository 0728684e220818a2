"""Requests and responses in the OpenAPI document."""

from typing import Any

from renderq_api.doors.job_run import IGNORED_HEADER, JOB_HEADER
from renderq_api.doors.openai.errors import OpenAiErrorBody
from renderq_api.doors.openai.fields import ImageFields, VariationFields
from renderq_api.openapi.responses import Responses

_HEADERS: dict[str, Any] = {
    JOB_HEADER: {"description": "Id of the job.", "schema": {"type": "string"}},
    IGNORED_HEADER: {"description": "Fields that change nothing here.", "schema": {"type": "string"}},
}

_ERRORS = {
    400: "The request is not valid, or the job failed because of it.",
    401: "A valid API key is required.",
    403: "The API key lacks the permission.",
    404: "The model or the job does not exist.",
    408: "The request took too long to arrive.",
    413: "The request is too large.",
    415: "The media type is not supported.",
    429: "A limit is reached.",
    500: "The job failed, or the service has.",
    503: "The queue is full, or the service is unavailable.",
    504: "The job did not end in time.",
}

IMAGES_RESPONSES: Responses = {
    200: {
        "description": "The images. With `stream` these events: `image_generation.partial_image`, "
        "`image_generation.completed` for each image, `error`; of edits `image_edit.…`.",
        "headers": _HEADERS,
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    },
    **{status: {"model": OpenAiErrorBody, "description": text} for status, text in _ERRORS.items()},
}

GENERATION_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": ImageFields.model_json_schema(),
            "examples": {
                "smallest": {"value": {"prompt": "a red circle on a blue background"}},
                "openai": {
                    "value": {
                        "model": "gpt-image-1",
                        "prompt": "a red circle on a blue background",
                        "n": 2,
                        "size": "1024x1024",
                        "quality": "high",
                        "output_format": "png",
                    }
                },
            },
        }
    },
}


def _form(fields: type[ImageFields], **images: str) -> dict[str, Any]:
    """Return a form. Keyword: name of a file; value: description. The first file is required."""
    schema = fields.model_json_schema()
    files = {name: {"type": "string", "format": "binary", "description": text} for name, text in images.items()}
    schema["properties"] = files | schema["properties"]
    schema["required"] = [*list(files)[:1], *schema.get("required", [])]
    return {"required": True, "content": {"multipart/form-data": {"schema": schema}}}


_IMAGE = "PNG, JPEG or WebP, detected by content. Its part may also be called `image[]`."
_IMAGES = f"{_IMAGE} Several such parts are the images of a model with the task `edit`, in order."

EDIT_FORM = _form(
    ImageFields,
    image=_IMAGES,
    mask="PNG or WebP whose transparent parts are made anew. Without it, the whole image is changed; for the model "
    "`dall-e-2` the transparent parts of `image` are, if it has any.",
)
VARIATION_FORM = _form(VariationFields, image=_IMAGE)
