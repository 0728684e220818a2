"""Fields of a request → the body of a job."""

import re
from typing import Any

from pydantic import JsonValue

from renderq.contract import LIMITS
from renderq.contract.sampling import sampling_fields
from renderq_api.doors.image_size import fit_size
from renderq_api.doors.model_names import resolve_model
from renderq_api.doors.openai.fields import ImageFields
from renderq_shared.catalog import Catalog, ModelEntry

ANY_MODEL = re.compile(r"(?:dall-e-|gpt-image-|chatgpt-image-).*", re.DOTALL)
"""Names of OpenAI's models, which many clients have built in."""

_DRAFT_STEPS = 16
"""Default steps from which half of them still give an image."""

_OPTIONS = ("negative_prompt", "seed", "priority", "deadline_seconds")
"""Fields that a job has, too."""

_STRENGTH_TASKS = ("img2img", "inpaint")


def job_body(fields: ImageFields, task: str, catalog: Catalog) -> dict[str, JsonValue]:
    """Return the body of `POST /v1/jobs` that means the same, without images."""
    model = resolve_model(catalog, fields.model, task, ANY_MODEL)
    body: dict[str, JsonValue] = {"task": task, "model": model, "prompt": fields.prompt, "n": fields.n}
    options: dict[str, Any] = {name: getattr(fields, name) for name in _OPTIONS} | dict(sampling_fields(fields))
    if task in _STRENGTH_TASKS:
        options["strength"] = fields.strength
    body |= {name: value for name, value in options.items() if value is not None}
    if entry := catalog.get(model):
        body |= _for_model(fields, entry)
    user = fields.safety_identifier or fields.user
    if user:
        body["metadata"] = {"user": user[: LIMITS.metadata_characters]}
    return {**body, "output": _output(fields)}


def ignored_fields(fields: ImageFields, task: str) -> tuple[str, ...]:
    """Return the names of known fields whose values change nothing here."""
    names: list[str] = []
    if fields.strength is not None and task not in _STRENGTH_TASKS:
        names.append("strength")
    if fields.output_compression is not None and fields.output_format == "png":
        names.append("output_compression")
    if fields.partial_images and not fields.stream:
        names.append("partial_images")
    return tuple(names)


def _for_model(fields: ImageFields, entry: ModelEntry) -> dict[str, JsonValue]:
    body: dict[str, JsonValue] = {}
    if fields.wished_size:
        body["width"], body["height"] = fit_size(*fields.wished_size, entry)
    if fields.quality == "low" and fields.steps is None and entry.defaults.steps >= _DRAFT_STEPS:
        body["steps"] = entry.defaults.steps // 2
    return body


def _output(fields: ImageFields) -> dict[str, JsonValue]:
    output: dict[str, JsonValue] = {"format": fields.output_format}
    if fields.output_compression is not None and fields.output_format != "png":
        output["quality"] = max(1, fields.output_compression)
    return output
