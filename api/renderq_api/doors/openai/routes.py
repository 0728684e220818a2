"""Routes of the Images API."""

from contextlib import AbstractAsyncContextManager

from fastapi import APIRouter, Depends
from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import Response

from renderq_api.auth import Caller, CallerDep, no_visitors
from renderq_api.doors.input_images import Images, asset_ids, store_images
from renderq_api.doors.job_end import job_end
from renderq_api.doors.job_run import IGNORED_HEADER, DoorJob, response_headers, run_job
from renderq_api.doors.openai.answer import OpenAiImages, images_response
from renderq_api.doors.openai.document import EDIT_FORM, GENERATION_BODY, IMAGES_RESPONSES, VARIATION_FORM
from renderq_api.doors.openai.edit_images import edit_images, one_image
from renderq_api.doors.openai.errors import REQUEST_ERROR_STATUS, job_end_response
from renderq_api.doors.openai.fields import ImageFields, VariationFields, parse_fields
from renderq_api.doors.openai.form import ImageForm, receive_form
from renderq_api.doors.openai.job_body import ignored_fields, job_body
from renderq_api.doors.openai.stream import Kind, stream_job
from renderq_api.http.idempotency_key import parse_idempotency_key
from renderq_api.http.json_body import read_object
from renderq_api.openapi.parameters import IDEMPOTENCY_KEY
from renderq_api.services import Services, ServicesDep
from renderq_api.submission.submission import check_request
from renderq_shared.jobs import Idempotency

router = APIRouter(prefix="/v1/images", tags=["openai"])

_WAIT = (
    "Submits a job, waits for it, and returns its images. If the client hangs up before, the job is canceled, unless "
    "the request has an `Idempotency-Key`. Unknown fields are ignored."
)


@router.post(
    "/generations",
    response_model=OpenAiImages,
    summary="Make images from text, as OpenAI's Images API",
    description=_WAIT,
    responses=IMAGES_RESPONSES,
    openapi_extra={"requestBody": GENERATION_BODY, "parameters": [IDEMPOTENCY_KEY]},
)
async def create_image(request: Request, services: ServicesDep, caller: CallerDep) -> Response:
    sent = await read_object(request)
    fields = parse_fields(ImageFields, sent.fields)
    body = _job_body(request, services, fields, "txt2img")
    job = DoorJob("openai", body, _idempotency(request, sent.canonical))
    return await _answer(request, services, caller, fields, job, "image_generation")


@router.post(
    "/edits",
    response_model=OpenAiImages,
    summary="Edit an image, as OpenAI's Images API",
    description="With a mask its transparent parts are made anew, else the whole image is changed. A model with the "
    f"task `edit` takes several images. {_WAIT}",
    responses=IMAGES_RESPONSES,
    openapi_extra={"requestBody": EDIT_FORM, "parameters": [IDEMPOTENCY_KEY]},
    dependencies=[Depends(no_visitors)],
)
async def create_image_edit(request: Request, services: ServicesDep, caller: CallerDep) -> Response:
    async with _form(request, services) as form:
        fields = parse_fields(ImageFields, form.fields)
        task, images = await edit_images(services, form, fields)
        job = await _job_with_images(request, services, caller, fields, task, form, images)
    return await _answer(request, services, caller, fields, job, "image_edit")


@router.post(
    "/variations",
    response_model=OpenAiImages,
    summary="Make images like another one, as OpenAI's Images API",
    description=_WAIT,
    responses=IMAGES_RESPONSES,
    openapi_extra={"requestBody": VARIATION_FORM, "parameters": [IDEMPOTENCY_KEY]},
    dependencies=[Depends(no_visitors)],
)
async def create_image_variation(request: Request, services: ServicesDep, caller: CallerDep) -> Response:
    async with _form(request, services) as form:
        fields = parse_fields(VariationFields, form.fields)
        images = {"image": one_image(form, "For variations")}
        job = await _job_with_images(request, services, caller, fields, "variation", form, images)
    return await _answer(request, services, caller, fields, job, None)


def _form(request: Request, services: Services) -> AbstractAsyncContextManager[ImageForm]:
    return receive_form(request, services.upload_budget, services.settings.door_body_bytes)


def _job_body(request: Request, services: Services, fields: ImageFields, task: str) -> dict[str, JsonValue]:
    if ignored := ignored_fields(fields, task):
        response_headers(request)[IGNORED_HEADER] = ",".join(ignored)
    return job_body(fields, task, services.catalog)


async def _job_with_images(
    request: Request,
    services: Services,
    caller: Caller,
    fields: ImageFields,
    task: str,
    form: ImageForm,
    images: Images,
) -> DoorJob:
    """Check the request, then store its images."""
    body = {**_job_body(request, services, fields, task), **asset_ids(images)}
    check_request(services, caller, body)
    await store_images(services, caller.tenant, images)
    return DoorJob("openai", body, _idempotency(request, form.canonical))


def _idempotency(request: Request, canonical: bytes) -> Idempotency | None:
    return parse_idempotency_key(request.headers.getlist("idempotency-key"), "POST", request.url.path, canonical)


async def _answer(
    request: Request, services: Services, caller: Caller, fields: ImageFields, job: DoorJob, kind: Kind | None
) -> Response:
    """Return the images, or the stream of them; `kind` names its events, and is `None` where there is no stream."""
    if kind and fields.stream:
        return await stream_job(request, services, caller, fields, kind, job)
    record = await run_job(request, services, caller, job)
    if end := job_end(record, REQUEST_ERROR_STATUS):
        return job_end_response(request, end)
    return await images_response(request, services, record, fields)
