"""Response of a request for images."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, Field, JsonValue
from starlette.requests import Request
from starlette.responses import Response

from renderq.image_files.a1111_samplers import AUTOMATIC, sampler_names
from renderq.image_files.infotext_writer import REVISION_CHARACTERS, write_infotext
from renderq.version import version
from renderq_api.doors.a1111.fields import FIELDS_WITH_IMAGES, IGNORED, ImageFields, Img2ImgFields, OverrideSettings
from renderq_api.doors.job_run import response_headers
from renderq_api.doors.output_images import read_images
from renderq_api.services import Services
from renderq_shared.jobs import JobRecord
from renderq_shared.jobs.stored_results import decode_outputs, decode_runtime


class A1111Images(BaseModel):
    """The images of a job."""

    images: tuple[str, ...] = Field(description="The files in base64.")
    parameters: dict[str, Any] = Field(description="The fields of the request, without images.")
    info: str = Field(description="Settings and seeds of the images, as JSON.")


async def images_response(
    request: Request, services: Services, record: JobRecord, fields: ImageFields, sent: Mapping[str, JsonValue]
) -> Response:
    """Return the images of a job that has ended. Raises `ApiProblem`, `ObjectNotFound` and `ObjectStoreUnavailable`."""
    entry = services.catalog.get(record.model)
    info = job_info(record, entry.revision if entry else "", fields)
    with ExitStack() as memory:
        images = await read_images(services, record, memory) if fields.send_images else []
        body = A1111Images(images=tuple(images), parameters=known_fields(sent), info=json.dumps(info))
        return await asyncio.to_thread(json_response, request, body)


def json_response(request: Request, body: BaseModel) -> Response:
    """Return a response that no cache keeps. May take a while for images: call it in a thread.

    Pydantic would refuse fields that are repeated and nested more than 255 deep.
    """
    headers = {"Cache-Control": "private, no-store", **response_headers(request)}
    return Response(json.dumps(dict(body)), 200, headers, "application/json")


def known_fields(sent: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Return the fields that the door knows, without images. Others may be secrets of the client."""
    names = ({*Img2ImgFields.model_fields, *IGNORED} - FIELDS_WITH_IMAGES) & sent.keys()
    known = {name: sent[name] for name in sorted(names)}
    if isinstance(settings := sent.get("override_settings"), dict):
        known["override_settings"] = {name: settings[name] for name in OverrideSettings.model_fields.keys() & settings}
    return known


def job_info(record: JobRecord, revision: str, fields: ImageFields) -> dict[str, JsonValue]:
    """Return what `info` says of a job's images. `revision`: of the model, if the job does not know."""
    request: dict[str, Any] = json.loads(record.request_json)
    revision = decode_runtime(record.runtime_json).model_revision or revision
    outputs = decode_outputs(record.outputs_json)
    seeds: list[JsonValue] = [output.seed for output in outputs]
    infotexts: list[JsonValue] = [write_infotext({**request, "seed": output.seed}, revision) for output in outputs]
    names = sampler_names(str(request["scheduler"]), request.get("schedule"))
    sampler, schedule_type = names or (AUTOMATIC, AUTOMATIC)
    return {
        "prompt": request["prompt"],
        "all_prompts": [request["prompt"]] * len(outputs),
        "negative_prompt": request["negative_prompt"],
        "all_negative_prompts": [request["negative_prompt"]] * len(outputs),
        "seed": request["seed"],
        "all_seeds": seeds,
        "subseed": request["seed"],
        "all_subseeds": seeds,
        "subseed_strength": 0,
        "width": request["width"],
        "height": request["height"],
        "sampler_name": sampler,
        "cfg_scale": request["guidance_scale"],
        "steps": request["steps"],
        "batch_size": fields.batch_size,
        "restore_faces": False,
        "face_restoration_model": None,
        "sd_model_name": record.model,
        "sd_model_hash": revision[:REVISION_CHARACTERS],
        "sd_vae_name": None,
        "sd_vae_hash": None,
        "seed_resize_from_w": -1,
        "seed_resize_from_h": -1,
        "denoising_strength": request.get("strength"),
        "extra_generation_params": {"Schedule type": schedule_type},
        "index_of_first_image": 0,
        "infotexts": infotexts,
        "styles": [],
        "job_timestamp": job_timestamp(record),
        "clip_skip": request["clip_skip"] + 1,
        "is_using_inpainting_conditioning": False,
        "version": f"renderq {version()}",
    }


def job_timestamp(record: JobRecord) -> str:
    """Return when the job was submitted, in UTC."""
    return datetime.fromtimestamp(record.created_ms / 1000, UTC).strftime("%Y%m%d%H%M%S")
