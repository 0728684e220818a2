"""Fields of a request → the body of a job."""

from typing import Any

from pydantic import JsonValue

from renderq.contract.sampling import sampling_fields
from renderq_api.doors.hf.fields import ImageRequest
from renderq_api.doors.image_size import fit_size
from renderq_api.doors.model_names import resolve_model
from renderq_shared.catalog import Catalog, ModelEntry


def job_body(model: str, request: ImageRequest, task: str, image_format: str, catalog: Catalog) -> dict[str, JsonValue]:
    """Return the body of `POST /v1/jobs` that means the same, without the image."""
    parameters = request.parameters
    name = resolve_model(catalog, model, task)
    prompt = request.inputs if task == "txt2img" else parameters.prompt or ""
    body: dict[str, JsonValue] = {"task": task, "model": name, "prompt": prompt, "output": {"format": image_format}}
    options: dict[str, Any] = {
        "negative_prompt": parameters.negative_prompt,
        "seed": parameters.seed,
        **sampling_fields(parameters),
        **_size(request, catalog.get(name)),
    }
    if task == "img2img":
        options["strength"] = parameters.strength
    return body | {name: value for name, value in options.items() if value is not None}


def _size(request: ImageRequest, entry: ModelEntry | None) -> dict[str, int | None]:
    width, height = request.parameters.width, request.parameters.height
    if target := request.parameters.target_size:
        width, height = target.width, target.height
    if width is not None and height is not None and entry:
        width, height = fit_size(width, height, entry)
    return {"width": width, "height": height}
