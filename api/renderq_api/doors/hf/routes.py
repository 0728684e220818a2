"""Route of an endpoint: one image from text, or from another image."""

import asyncio
import hashlib

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from renderq.contract import ProblemKind
from renderq_api.auth import CallerDep, no_visitors
from renderq_api.doors.hf.answer import image_format, image_response
from renderq_api.doors.hf.document import IMAGE_BODY, IMAGE_RESPONSES
from renderq_api.doors.hf.errors import REQUEST_ERROR_STATUS, job_end_response
from renderq_api.doors.hf.fields import ImageRequest, parse_request
from renderq_api.doors.hf.input_image import check_size, input_image
from renderq_api.doors.hf.job_body import job_body
from renderq_api.doors.image_body import receive_body
from renderq_api.doors.input_images import Images, asset_ids, store_images
from renderq_api.doors.job_end import job_end
from renderq_api.doors.job_run import IGNORED_HEADER, DoorJob, response_headers, run_job
from renderq_api.http.content_encoding import content_encoding
from renderq_api.http.idempotency_key import parse_idempotency_key
from renderq_api.http.json_body import is_json, parse_json
from renderq_api.http.problems import ApiProblem
from renderq_api.openapi.parameters import IDEMPOTENCY_KEY
from renderq_api.services import ServicesDep
from renderq_api.submission.submission import check_request

router = APIRouter(prefix="/hf", tags=["hf"])


@router.post(
    "/{model:path}",
    response_class=Response,
    summary="Make an image, as a Hugging Face Inference Endpoint",
    description="Submits a job, waits for it, and returns its image. With an image in base64 as `inputs`, or as the "
    "whole body, the image is made from it. If the client hangs up before, the job is canceled, unless the request has "
    "an `Idempotency-Key`. Unknown fields are ignored.",
    responses=IMAGE_RESPONSES,
    openapi_extra={"requestBody": IMAGE_BODY, "parameters": [IDEMPOTENCY_KEY]},
)
async def infer_image(model: str, request: Request, services: ServicesDep, caller: CallerDep) -> Response:
    has_json = _has_json(request)
    async with receive_body(request, services.upload_budget, services.settings.door_body_bytes) as body:
        sent, images, canonical = await asyncio.to_thread(_read_json if has_json else _read_image, body)
        task = "img2img" if images else "txt2img"
        image_type = image_format(request.headers.get("accept", ""))
        fields = {**job_body(model, sent, task, image_type, services.catalog), **asset_ids(images)}
        key = request.headers.getlist("idempotency-key")
        idempotency = parse_idempotency_key(key, "POST", request.url.path, canonical)
        if images:
            await no_visitors(request)
            check_request(services, caller, fields)
            await store_images(services, caller.tenant, images)
        elif sent.parameters.strength is not None:
            response_headers(request)[IGNORED_HEADER] = "strength"
    record = await run_job(request, services, caller, DoorJob("hf", fields, idempotency))
    if end := job_end(record, REQUEST_ERROR_STATUS):
        return job_end_response(request, end)
    return await image_response(request, services, record)


def _has_json(request: Request) -> bool:
    """Return whether the body is JSON; else it is an image, whose type clients may not know. Raises `ApiProblem`."""
    content_type = request.headers.get("content-type", "")
    media_type = content_type.partition(";")[0].strip().lower()
    if is_json(content_type):
        has_json = True
    elif media_type in ("", "application/octet-stream") or media_type.startswith("image/"):
        has_json = False
    else:
        raise _unsupported("Send the body as JSON in UTF-8, with the header Content-Type: application/json.")
    if content_encoding(request.headers) is not None:
        raise _unsupported("Send the body uncompressed.")
    return has_json


def _unsupported(detail: str) -> ApiProblem:
    return ApiProblem(ProblemKind.UNSUPPORTED_MEDIA_TYPE, detail, headers={"Accept": "application/json"})


def _read_json(body: bytes) -> tuple[ImageRequest, Images, bytes]:
    """Return the request, its images, and what two equal requests have in common. Raises `ApiProblem`."""
    sent = parse_json(body)
    request = parse_request(sent.fields)
    image = input_image(request)
    return request, {"image": image} if image else {}, sent.canonical


def _read_image(body: bytes) -> tuple[ImageRequest, Images, bytes]:
    return ImageRequest.model_validate({"inputs": ""}), {"image": check_size(body)}, hashlib.sha256(body).digest()
