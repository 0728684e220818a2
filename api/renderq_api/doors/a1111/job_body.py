"""Fields of a request → the body of a job."""

import re
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from renderq.contract import LIMITS, ProblemKind
from renderq_api.doors.a1111.attention import PromptNotSupported, convert_attention
from renderq_api.doors.a1111.fields import ImageFields, Img2ImgFields, refused
from renderq_api.doors.a1111.networks import split_networks
from renderq_api.doors.a1111.samplers import choose_scheduler
from renderq_api.doors.image_size import fit_size
from renderq_api.doors.model_names import resolve_model
from renderq_api.http.problems import ApiProblem
from renderq_api.submission.loras import lora_absence
from renderq_shared.catalog import Catalog, ModelEntry

_FILE_NAME = re.compile(r"(?P<name>.*?)(?:\.safetensors|\.ckpt)?(?: \[[0-9a-f]+\])?", re.IGNORECASE | re.DOTALL)
"""Name of a model as its clients write it: the name of its file, and its hash."""

_FORMATS = {"jpg": "jpeg"}
"""`samples_format` → format, where the two differ."""


@dataclass(frozen=True, slots=True)
class JobBody:
    """A body of `POST /v1/jobs` that means the same, without images, and the names of ignored fields."""

    fields: dict[str, JsonValue]
    ignored: tuple[str, ...]


def find_model(catalog: Catalog, name: str | None, task: str) -> ModelEntry:
    """Return a model by a name in a request; without one, the first that supports the task. Raises `ApiProblem`."""
    entry = catalog.get(resolve_model(catalog, name, task))
    if entry is None and name and (match := _FILE_NAME.fullmatch(name)):
        entry = catalog.get(resolve_model(catalog, match["name"], task))
    if entry is None:
        detail = f"There is no model {(name or '')[:100]}; there are {', '.join(catalog.names)}."
        raise ApiProblem(ProblemKind.MODEL_NOT_FOUND, detail)
    return entry


def job_body(
    fields: ImageFields, task: str, catalog: Catalog, chosen_model: str | None, image_size: tuple[int, int] | None
) -> JobBody:
    """Return the body of a job.

    `chosen_model`: for requests that name none. `image_size`: width and height of the input image, if there is one.
    Raises `ApiProblem`.
    """
    entry = find_model(catalog, fields.override_settings.sd_model_checkpoint or chosen_model, task)
    ignored: list[str] = []
    body: dict[str, JsonValue] = {
        "task": task,
        "model": entry.name,
        "n": fields.images,
        **_prompts(fields, entry, catalog),
    }
    if fields.negative_prompt and not entry.supports_negative_prompt:
        del body["negative_prompt"]
        ignored.append("negative_prompt")
    choice = choose_scheduler(fields.sampler, fields.scheduler, entry)
    ignored += choice.ignored
    clip_skip = (fields.override_settings.CLIP_stop_at_last_layers or fields.clip_skip or 1) - 1
    if clip_skip and not entry.limits.max_clip_skip:
        ignored.append("clip_skip")
        clip_skip = 0
    options: dict[str, Any] = {
        "steps": fields.steps,
        "guidance_scale": fields.cfg_scale,
        "seed": fields.seed if fields.seed >= 0 else None,
        "scheduler": choice.scheduler,
        "schedule": choice.schedule,
        "clip_skip": clip_skip or None,
        "strength": fields.denoising_strength if isinstance(fields, Img2ImgFields) else None,
    }
    body |= {name: value for name, value in options.items() if value is not None}
    body |= _size(fields, entry, image_size)
    if fields.force_task_id:
        body["metadata"] = {"task": fields.force_task_id[: LIMITS.metadata_characters]}
    return JobBody({**body, "output": _output(fields)}, tuple(ignored))


def _prompts(fields: ImageFields, entry: ModelEntry, catalog: Catalog) -> dict[str, JsonValue]:
    """Return the prompts, and the LoRAs that the prompt names. Those in a negative prompt are text, as there."""
    prompts: dict[str, JsonValue] = {}
    for name in ("prompt", "negative_prompt"):
        text: str = getattr(fields, name)
        if name == "prompt":
            networks = split_networks(text)
            text = networks.prompt
            for lora in networks.loras:
                if entry.lora(str(lora["name"])) is None:
                    raise refused(name, lora_absence(str(lora["name"]), entry, catalog))
            if networks.loras:
                prompts["loras"] = list(networks.loras)
        try:
            prompts[name] = convert_attention(text) if entry.supports_prompt_weights else text
        except PromptNotSupported as error:
            raise refused(name, str(error)) from error
    return prompts


def _size(fields: ImageFields, entry: ModelEntry, image_size: tuple[int, int] | None) -> dict[str, JsonValue]:
    if fields.width is None and fields.height is None:
        return {}
    width, height = image_size or (entry.defaults.width, entry.defaults.height)
    width, height = fit_size(fields.width or width, fields.height or height, entry)
    return {"width": width, "height": height}


def _output(fields: ImageFields) -> dict[str, JsonValue]:
    settings = fields.override_settings
    output: dict[str, JsonValue] = {"format": _FORMATS.get(settings.samples_format, settings.samples_format)}
    if settings.jpeg_quality is not None and settings.samples_format != "png":
        output["quality"] = settings.jpeg_quality
    return output
