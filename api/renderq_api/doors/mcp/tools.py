"""The tools as clients see them."""

from typing import Any

from renderq_api.doors.mcp.arguments import Arguments, GenerateImage, JobArguments, NoArguments


def _tool(name: str, arguments: type[Arguments], description: str, **hints: bool) -> dict[str, Any]:
    return {
        "name": name,
        "description": description,
        "inputSchema": {"type": "object", "properties": {}, **arguments.model_json_schema()},
        "annotations": {f"{hint}Hint": value for hint, value in hints.items()},
    }


TOOLS = [
    _tool(
        "generate_image",
        GenerateImage,
        "Make images from text; from another image, with image; or a part of it anew, with image and mask. Waits up to "
        "50 s; if the images are not ready by then, it returns the id of the job for get_image.",
        readOnly=False,
        destructive=False,
        idempotent=False,
        openWorld=False,
    ),
    _tool(
        "get_image",
        JobArguments,
        "Get the images of a job, or its status. Waits up to 50 s for a job that has not ended.",
        readOnly=True,
        openWorld=False,
    ),
    _tool(
        "list_models",
        NoArguments,
        "List the models that can make images, the default one first, with what they can do and the sizes they make.",
        readOnly=True,
        openWorld=False,
    ),
    _tool(
        "cancel_image",
        JobArguments,
        "Cancel a job that has not ended. One that has ended stays as it is.",
        readOnly=False,
        destructive=True,
        idempotent=True,
        openWorld=False,
    ),
]
"""As in the result of `tools/list`."""
