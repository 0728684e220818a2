"""Routes that make images."""

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from renderq_api.auth import Caller, CallerDep, no_visitors
from renderq_api.doors.a1111.answer import A1111Images, images_response
from renderq_api.doors.a1111.body import receive_object
from renderq_api.doors.a1111.document import IMG2IMG_BODY, JOB_RESPONSES, TXT2IMG_BODY
from renderq_api.doors.a1111.errors import end_without_images, job_end_response
from renderq_api.doors.a1111.fields import ImageFields, Img2ImgFields, ignored_fields, parse_fields
from renderq_api.doors.a1111.input_images import prepare_images
from renderq_api.doors.a1111.job_body import JobBody, job_body
from renderq_api.doors.a1111.progress import DOOR
from renderq_api.doors.a1111.router import PREFIX, router
from renderq_api.doors.input_images import asset_ids, store_images
from renderq_api.doors.job_run import IGNORED_HEADER, DoorJob, response_headers, run_job
from renderq_api.http.idempotency_key import parse_idempotency_key
from renderq_api.http.json_body import read_object
from renderq_api.http.strict_json import JsonObject
from renderq_api.openapi.parameters import IDEMPOTENCY_KEY
from renderq_api.services import Services, ServicesDep
from renderq_api.submission.submission import check_request
from renderq_shared.jobs import commands

_MAX_IGNORED = 20
"""Names in `X-Renderq-Ignored`."""

_WAIT = (
    "Submits a job, waits for it, and returns its images. If the client hangs up before, the job is canceled, unless "
    "the request has an `Idempotency-Key`. Unknown fields are ignored."
)


@router.post(
    f"{PREFIX}/txt2img",
    response_model=A1111Images,
    summary="Make images from text, as AUTOMATIC1111's web UI",
    description=_WAIT,
    responses=JOB_RESPONSES,
    openapi_extra={"requestBody": TXT2IMG_BODY, "parameters": [IDEMPOTENCY_KEY]},
)
async def txt2img(request: Request, services: ServicesDep, caller: CallerDep) -> Response:
    sent = await read_object(request)
    fields = parse_fields(ImageFields, sent.fields)
    body = job_body(fields, "txt2img", services.catalog, await _chosen_model(services, caller), None)
    job = _job(request, body, sent)
    return await _answer(request, services, caller, fields, sent, job)


@router.post(
    f"{PREFIX}/img2img",
    response_model=A1111Images,
    summary="Change an image, as AUTOMATIC1111's web UI",
    description=f"With a mask its white part is made anew, else the whole image is changed. {_WAIT}",
    responses=JOB_RESPONSES,
    openapi_extra={"requestBody": IMG2IMG_BODY, "parameters": [IDEMPOTENCY_KEY]},
    dependencies=[Depends(no_visitors)],
)
async def img2img(request: Request, services: ServicesDep, caller: CallerDep) -> Response:
    async with receive_object(request, services) as sent:
        fields = parse_fields(Img2ImgFields, sent.fields)
        images, size = await prepare_images(services, caller.tenant, fields)
        task = "inpaint" if "mask" in images else "img2img"
        body = job_body(fields, task, services.catalog, await _chosen_model(services, caller), size)
        body.fields.update(asset_ids(images))
        check_request(services, caller, body.fields)
        await store_images(services, caller.tenant, images)
        job = _job(request, body, sent)
    return await _answer(request, services, caller, fields, sent, job)


async def _chosen_model(services: Services, caller: Caller) -> str | None:
    """Return the model that `POST options` has set; `None` if there is none or the catalog has it no longer."""
    chosen = await services.jobs.call(commands.chosen_model(caller.tenant))
    return chosen if chosen and services.catalog.get(chosen) else None


def _job(request: Request, body: JobBody, sent: JsonObject) -> DoorJob:
    if ignored := [*ignored_fields(sent.fields), *body.ignored]:
        response_headers(request)[IGNORED_HEADER] = ",".join(ignored[:_MAX_IGNORED])
    keys = request.headers.getlist("idempotency-key")
    return DoorJob(DOOR, body.fields, parse_idempotency_key(keys, "POST", request.url.path, sent.canonical))


async def _answer(
    request: Request, services: Services, caller: Caller, fields: ImageFields, sent: JsonObject, job: DoorJob
) -> Response:
    record = await run_job(request, services, caller, job)
    if end := end_without_images(record):
        return job_end_response(request, end)
    return await images_response(request, services, record, fields, sent.fields)
