"""Arguments of `generate_image` → the body of a job."""

from typing import Any

from pydantic import JsonValue

from renderq.contract import FieldError
from renderq.contract.sampling import sampling_fields
from renderq_api.doors.image_size import fit_size
from renderq_api.doors.mcp.arguments import GenerateImage
from renderq_api.doors.model_names import resolve_model
from renderq_api.http.problems import invalid
from renderq_shared.catalog import Catalog

DEADLINE_S = 3600
"""After which a job is given up whose images nobody may want any more."""

_SAME = ("negative_prompt", "width", "height", "seed", "image", "mask", "strength")
"""Arguments that a job has, too."""


def job_body(arguments: GenerateImage, catalog: Catalog) -> dict[str, JsonValue]:
    """Return the body of `POST /v1/jobs` that means the same. Raises `ApiProblem`."""
    task = _task(arguments)
    model = resolve_model(catalog, arguments.model, task)
    body: dict[str, JsonValue] = {
        "task": task,
        "model": model,
        "prompt": arguments.prompt,
        "n": arguments.n or 1,
        "deadline_seconds": DEADLINE_S,
    }
    given: dict[str, Any] = {name: getattr(arguments, name) for name in _SAME} | dict(sampling_fields(arguments))
    entry = catalog.get(model)
    if entry and arguments.width is not None and arguments.height is not None:
        given["width"], given["height"] = fit_size(arguments.width, arguments.height, entry)
    return body | {name: value for name, value in given.items() if value is not None}


def _task(arguments: GenerateImage) -> str:
    """Return the task. Raises `ApiProblem` for what belongs to an image that is not given."""
    if arguments.image is not None:
        return "inpaint" if arguments.mask is not None else "img2img"
    for name in ("mask", "strength"):
        if getattr(arguments, name) is not None:
            detail = "Give image, too; without it the image is made from text alone."
            raise invalid(f"/{name}: {detail}", FieldError(pointer=f"/{name}", code="needs_image", detail=detail))
    return "txt2img"
