"""Request bodies, which routes read themselves, with examples."""

from typing import Any

from pydantic import BaseModel

from renderq.contract import (
    LIMITS,
    TASKS,
    CancelJobs,
    DeleteJobs,
    ImageLinkOptions,
    JobAnnotation,
    MoveJob,
    SubmitBatch,
)
from renderq_api.openapi.schemas import schema_ref

_PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="
)
"""A PNG of one pixel, short enough for an example."""

REQUEST_SCHEMA: dict[str, Any] = {
    "oneOf": [schema_ref(model) for model in TASKS.values()],
    "discriminator": {
        "propertyName": "task",
        "mapping": {task: schema_ref(model)["$ref"] for task, model in TASKS.items()},
    },
}

JOB_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": REQUEST_SCHEMA,
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


def _json_body(model: type[BaseModel], **examples: dict[str, Any]) -> dict[str, Any]:
    named = {name: {"value": value} for name, value in examples.items()}
    return {"required": True, "content": {"application/json": {"schema": schema_ref(model), "examples": named}}}


ANNOTATION_BODY = _json_body(JobAnnotation, keep={"kept": True, "labels": ["favorite", "order 17"]})
LINK_BODY = _json_body(ImageLinkOptions, default={}, download={"seconds": 86_400, "download": True})
CANCEL_BODY = _json_body(CancelJobs, queued={"status": "queued"}, ids={"ids": ["job_01m8563bxs7b4s8yve7cdp6k2z"]})
MOVE_BODY = _json_body(MoveJob, front={"to": "front"}, before={"before": "job_01m8563bxs7b4s8yve7cdp6k2z"})
BATCH_BODY = _json_body(
    SubmitBatch,
    requests={"requests": [{"prompt": "a red circle"}, {"prompt": "a blue square", "n": 4}]},
    sweep={
        "request": {"prompt": "a red circle on a blue background"},
        "axes": [{"field": "steps", "values": [5, 10, 20]}, {"field": "prompt:red", "values": ["red", "green"]}],
    },
)
DELETE_BODY = _json_body(DeleteJobs, ids={"ids": ["job_01m8563bxs7b4s8yve7cdp6k2z"]})

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
