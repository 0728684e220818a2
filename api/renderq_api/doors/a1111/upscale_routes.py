"""Route that enlarges an image."""

import asyncio
import base64
from dataclasses import dataclass
from typing import Literal

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, Field, JsonValue
from starlette.requests import Request
from starlette.responses import Response

from renderq.contract import LIMITS
from renderq_api.assets import ImageRejected, check_image, read_file
from renderq_api.auth import CallerDep, no_visitors
from renderq_api.doors.a1111.answer import json_response
from renderq_api.doors.a1111.body import receive_object
from renderq_api.doors.a1111.document import JOB_RESPONSES, json_body
from renderq_api.doors.a1111.errors import end_without_images, job_end_response
from renderq_api.doors.a1111.fields import is_positive, refused
from renderq_api.doors.a1111.input_images import load_image
from renderq_api.doors.a1111.progress import DOOR
from renderq_api.doors.a1111.router import PREFIX, router
from renderq_api.doors.a1111.upscalers import RESIZERS, ResultTooLarge, check_upscaler, enlarged_size, resize_file
from renderq_api.doors.given_fields import given_fields
from renderq_api.doors.input_images import asset_ids, rejected, store_images
from renderq_api.doors.job_run import IGNORED_HEADER, DoorJob, response_headers, run_job
from renderq_api.doors.lenient_fields import LenientFields
from renderq_api.http.idempotency_key import parse_idempotency_key
from renderq_api.http.validation import validate
from renderq_api.openapi.parameters import IDEMPOTENCY_KEY
from renderq_api.services import Services, ServicesDep
from renderq_api.submission.submission import check_request
from renderq_shared.jobs import JobRecord
from renderq_shared.jobs.stored_results import decode_outputs

_IGNORED = ("gfpgan_visibility", "codeformer_visibility", "extras_upscaler_2_visibility")
"""Fields that are ignored; above 0 they ask for something."""


class EnlargeFields(LenientFields, frozen=True):
    """Fields of a request that enlarges an image. Others are ignored."""

    model_config = ConfigDict(extra="ignore")

    image: str = Field(description="Base64, with or without `data:image/…;base64,`, or an https URL.")
    upscaler_1: str = Field("None", max_length=200, description="A name from `GET /sdapi/v1/upscalers`.")
    resize_mode: Literal[0, 1] = Field(0, description="0: by a factor; 1: to a width and height.")
    upscaling_resize: float = Field(2, gt=0, le=8, allow_inf_nan=False, description="The factor.")
    upscaling_resize_w: int = Field(512, ge=1, le=LIMITS.side_pixels)
    upscaling_resize_h: int = Field(512, ge=1, le=LIMITS.side_pixels)
    upscaling_crop: bool = Field(True, description="Cut what exceeds the proportion of the width and height.")


class EnlargedImage(BaseModel):
    """An enlarged image."""

    html_info: str = ""
    image: str = Field(description="The file in base64; empty if the job was interrupted.")


@dataclass(frozen=True, slots=True)
class _Target:
    """What the image becomes, in pixels."""

    size: tuple[int, int]
    crop: tuple[int, int] | None
    """Center to cut from it."""


@router.post(
    f"{PREFIX}/extra-single-image",
    response_model=EnlargedImage,
    summary="Enlarge an image, as AUTOMATIC1111's web UI",
    description="`Lanczos`, `Nearest` and `None` resize at once. A model is a job: it enlarges four times, and the "
    "result is resized.",
    responses=JOB_RESPONSES,
    dependencies=[Depends(no_visitors)],
    openapi_extra={
        "requestBody": json_body(EnlargeFields, image="iVBORw0KGgo…", upscaler_1="Lanczos"),
        "parameters": [IDEMPOTENCY_KEY],
    },
)
async def enlarge_image(request: Request, services: ServicesDep, caller: CallerDep) -> Response:
    async with receive_object(request, services) as sent:
        fields = validate(EnlargeFields, given_fields(sent.fields))
        check_upscaler(services.catalog, fields.upscaler_1)
        if ignored := [name for name in _IGNORED if is_positive(sent.fields.get(name))]:
            response_headers(request)[IGNORED_HEADER] = ",".join(ignored)
        image = await load_image(services, caller.tenant, "image", fields.image)
        target = await _target(services, fields, image)
        if fields.upscaler_1 in RESIZERS:
            resampling = RESIZERS[fields.upscaler_1]
            enlarged = await services.assets.decode(
                lambda data: resize_file(data, target.size, resampling, target.crop), image
            )
            return await asyncio.to_thread(_response, request, enlarged)
        images = {"image": image}
        body: dict[str, JsonValue] = {"task": "upscale", "model": fields.upscaler_1, **asset_ids(images)}
        check_request(services, caller, body)
        await store_images(services, caller.tenant, images)
        keys = request.headers.getlist("idempotency-key")
        job = DoorJob(DOOR, body, parse_idempotency_key(keys, "POST", request.url.path, sent.canonical))
    record = await run_job(request, services, caller, job)
    if end := end_without_images(record):
        return job_end_response(request, end)
    return await asyncio.to_thread(_response, request, await _resized_output(services, record, target))


async def _target(services: Services, fields: EnlargeFields, image: bytes) -> _Target:
    try:
        header = await services.assets.decode(check_image, image)
    except ImageRejected as error:
        raise rejected("image", error) from error
    crop = None
    factor = fields.upscaling_resize
    if fields.resize_mode == 1:
        wished = (fields.upscaling_resize_w, fields.upscaling_resize_h)
        factor = max(wished[0] / header.width, wished[1] / header.height)
        crop = wished if fields.upscaling_crop else None
    try:
        return _Target(enlarged_size((header.width, header.height), factor), crop)
    except ResultTooLarge as error:
        raise refused("upscaling_resize", str(error)) from error


async def _resized_output(services: Services, record: JobRecord, target: _Target) -> bytes:
    """Return the file of a job's image, resized; empty if the job was interrupted before it was finished."""
    outputs = decode_outputs(record.outputs_json)
    if not outputs:
        return b""
    data = await read_file(services.objects, outputs[0].key)
    if target.size == (outputs[0].width, outputs[0].height) and target.crop is None:
        return data
    resampling = RESIZERS["Lanczos"]
    return await services.assets.decode(lambda file: resize_file(file, target.size, resampling, target.crop), data)


def _response(request: Request, file: bytes) -> Response:
    return json_response(request, EnlargedImage(image=base64.b64encode(file).decode()))
