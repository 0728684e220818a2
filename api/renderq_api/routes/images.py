"""Image routes: the stable URLs of a job's images and grid, and links for people without a key."""

import asyncio
import json
import re
from pathlib import PurePosixPath
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BeforeValidator
from starlette.requests import Request
from starlette.responses import Response

from renderq.contract import ImageLink, ImageLinkOptions, ProblemKind
from renderq.contract.file_names import prompt_words
from renderq_api.auth import TenantDep
from renderq_api.http.json_body import read_object
from renderq_api.http.problems import not_found
from renderq_api.http.public_address import base_url
from renderq_api.http.query import require_no_query
from renderq_api.http.responses import json_response
from renderq_api.http.validation import validate
from renderq_api.job_views.job_view import UrlBuilder, find_output, grid_key
from renderq_api.openapi.request_bodies import LINK_BODY
from renderq_api.openapi.responses import BODY_PROBLEMS, problems
from renderq_api.responses.image_response import FILE_PROBLEMS, IMAGE_RESPONSES, image_response
from renderq_api.routes.job_lookup import JobIdDep, require_job
from renderq_api.services import Services, ServicesDep
from renderq_shared.jobs import JobRecord
from renderq_shared.jobs.stored_results import StoredOutput
from renderq_shared.objects import named_disposition

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], dependencies=[Depends(require_no_query)])


def _parse_index(text: str) -> int:
    """Parse an index as URLs contain it. Raises `ValueError` for other spellings, such as `00` and `0.0`."""
    if not re.fullmatch(r"0|[1-9][0-9]{0,3}", text):
        raise ValueError("must be an index of outputs")
    return int(text)


ImageIndex = Annotated[int, BeforeValidator(_parse_index)]

_DELIVERY = (
    "Redirects to a new signed URL, which supports `Range`. With `RENDERQ_IMAGE_DELIVERY=proxy`, the service sends the "
    "image itself. This URL never changes."
)


@router.get(
    "/{job_id}/images/grid",
    status_code=302,
    response_class=Response,
    summary="Download a job's grid of images",
    description=f"The grid of a job whose request has `output.grid`. {_DELIVERY}",
    responses={**IMAGE_RESPONSES, **problems(ProblemKind.HISTORY_UNAVAILABLE, *FILE_PROBLEMS)},
)
async def get_grid(job_id: JobIdDep, request: Request, services: ServicesDep, tenant: TenantDep) -> Response:
    return await image_response(services, _grid_key(await _job_with_outputs(services, tenant, job_id)), request)


@router.get(
    "/{job_id}/images/{index}",
    status_code=302,
    response_class=Response,
    summary="Download an image",
    description=_DELIVERY,
    responses={**IMAGE_RESPONSES, **problems(ProblemKind.HISTORY_UNAVAILABLE, *FILE_PROBLEMS)},
)
async def get_image(
    job_id: JobIdDep, index: ImageIndex, request: Request, services: ServicesDep, tenant: TenantDep
) -> Response:
    record = await _job_with_outputs(services, tenant, job_id)
    return await image_response(services, _output(record, index).key, request)


@router.get(
    "/{job_id}/images/{index}/thumbnail",
    status_code=302,
    response_class=Response,
    summary="Download the thumbnail of an image",
    description=f"A WebP of at most 320 × 320 pixels, of images that are larger. {_DELIVERY}",
    responses={**IMAGE_RESPONSES, **problems(ProblemKind.HISTORY_UNAVAILABLE, *FILE_PROBLEMS)},
)
async def get_thumbnail(
    job_id: JobIdDep, index: ImageIndex, request: Request, services: ServicesDep, tenant: TenantDep
) -> Response:
    output = _output(await _job_with_outputs(services, tenant, job_id), index)
    if output.thumbnail is None:
        raise not_found("The image has no thumbnail. Download the image itself, which is small or of an older version.")
    return await image_response(services, output.thumbnail.key, request)


_LINKING = (
    "The link works without a key until it expires. Its file is named after the prompt and the seed, such as "
    "`a-red-circle-42.png`."
)
_LINK_PROBLEMS = problems(
    ProblemKind.NOT_FOUND, ProblemKind.HISTORY_UNAVAILABLE, ProblemKind.STORAGE_UNAVAILABLE, *BODY_PROBLEMS
)


@router.post(
    "/{job_id}/images/grid/link",
    response_model=ImageLink,
    summary="Make a link to a job's grid of images",
    description=_LINKING,
    responses=_LINK_PROBLEMS,
    openapi_extra={"requestBody": LINK_BODY},
)
async def link_grid(job_id: JobIdDep, request: Request, services: ServicesDep, tenant: TenantDep) -> Response:
    options = validate(ImageLinkOptions, (await read_object(request)).fields)
    record = await _job_with_outputs(services, tenant, job_id)
    stem = f"{_words(record)}-{_output(record, 0).seed}-grid"
    return await _link_response(request, services, options, _grid_key(record), stem)


@router.post(
    "/{job_id}/images/{index}/link",
    response_model=ImageLink,
    summary="Make a link to an image",
    description=_LINKING,
    responses=_LINK_PROBLEMS,
    openapi_extra={"requestBody": LINK_BODY},
)
async def link_image(
    job_id: JobIdDep, index: ImageIndex, request: Request, services: ServicesDep, tenant: TenantDep
) -> Response:
    options = validate(ImageLinkOptions, (await read_object(request)).fields)
    record = await _job_with_outputs(services, tenant, job_id)
    output = _output(record, index)
    return await _link_response(request, services, options, output.key, f"{_words(record)}-{output.seed}")


async def _link_response(
    request: Request, services: Services, options: ImageLinkOptions, key: str, stem: str
) -> Response:
    seconds = options.seconds or services.settings.signed_url_seconds
    disposition = named_disposition(f"{stem}{PurePosixPath(key).suffix}", download=options.download)
    signed = await asyncio.to_thread(services.signed_url, key, seconds, disposition)
    return json_response(ImageLink(url=UrlBuilder(base_url(request)).signed(signed), expires_at=signed.expires_at))


def _words(record: JobRecord) -> str:
    # Of a restored job, only the types of what others read are certain: a manifest is untrusted.
    prompt = json.loads(record.request_json).get("prompt")
    return prompt_words(str(prompt or "")) or prompt_words(record.task)


def _grid_key(record: JobRecord) -> str:
    key = grid_key(record)
    if key is None:
        raise not_found(
            f"The job has no grid; its status is {record.status}. A job has a grid if its request sets output.grid."
        )
    return key


def _output(record: JobRecord, index: int) -> StoredOutput:
    output = find_output(record, index)
    if output is None:
        raise not_found(
            f"The job has no finished image {index}; its status is {record.status} and it has {record.images} in total."
        )
    return output


async def _job_with_outputs(services: Services, tenant: str, job_id: str) -> JobRecord:
    """Return the job, unless its outputs have expired. Raises `ApiProblem`."""
    record, _ = require_job(await services.directory.find(tenant, job_id))
    if record.outputs_expired:
        raise not_found("Retention has deleted the job's images. Submit its `request` again to render them again.")
    return record
