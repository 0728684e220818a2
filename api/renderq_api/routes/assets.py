"""Asset routes: upload an input image, get its record, download it."""

import json
from datetime import timedelta

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from renderq.contract import Asset, FieldError, ProblemKind
from renderq.contract.image_references import is_asset_id
from renderq_api.assets import ASSET_NOT_FOUND, ImageRejected, receive_upload
from renderq_api.auth import TenantDep, no_visitors
from renderq_api.http.problems import ApiProblem, invalid, not_found
from renderq_api.http.public_address import base_url
from renderq_api.http.query import require_no_query
from renderq_api.http.responses import json_response
from renderq_api.http.timestamps import timestamp
from renderq_api.job_views.job_view import UrlBuilder
from renderq_api.openapi.request_bodies import IMAGE_FORM
from renderq_api.openapi.responses import problems, response_headers
from renderq_api.responses.image_response import FILE_PROBLEMS, IMAGE_RESPONSES, image_response
from renderq_api.services import Services, ServicesDep
from renderq_shared.jobs import AssetRecord, commands

router = APIRouter(prefix="/v1/assets", tags=["assets"], dependencies=[Depends(require_no_query)])

_PROBLEM_KINDS = {
    "unsupported_media_type": ProblemKind.UNSUPPORTED_MEDIA_TYPE,
    "asset_too_large": ProblemKind.ASSET_TOO_LARGE,
}


@router.post(
    "",
    status_code=201,
    response_model=Asset,
    summary="Upload an image",
    description="PNG, JPEG or WebP, detected by content. Uploading the same bytes returns the same asset and restarts "
    "its lifetime, so an upload can be retried without an Idempotency-Key.",
    responses={
        201: {
            "description": "The image is stored.",
            "headers": response_headers(Location="URL of the asset."),
        },
        **problems(
            ProblemKind.ASSET_TOO_LARGE,
            ProblemKind.UNSUPPORTED_MEDIA_TYPE,
            ProblemKind.REQUEST_TIMEOUT,
            ProblemKind.PURGE_IN_PROGRESS,
            ProblemKind.STORAGE_UNAVAILABLE,
        ),
    },
    openapi_extra={"requestBody": IMAGE_FORM},
    dependencies=[Depends(no_visitors)],
)
async def upload_asset(request: Request, services: ServicesDep, tenant: TenantDep) -> Response:
    async with receive_upload(request, services.upload_budget) as data:
        try:
            record = await services.assets.add(tenant, data)
        except ImageRejected as error:
            raise _problem(error) from error
    asset = _asset(record, services, UrlBuilder(base_url(request)))
    return json_response(asset, 201, {"Location": UrlBuilder(base_url(request)).asset(record.id)})


@router.get("/{asset_id}", response_model=Asset, summary="Get an asset", responses=problems(ProblemKind.NOT_FOUND))
async def get_asset(asset_id: str, request: Request, services: ServicesDep, tenant: TenantDep) -> Response:
    record = await _find(asset_id, services, tenant)
    return json_response(_asset(record, services, UrlBuilder(base_url(request))))


@router.get(
    "/{asset_id}/content",
    status_code=302,
    response_class=Response,
    summary="Download an asset's image",
    description="The uploaded file, unchanged. Served like images of jobs: directly or by redirect to a signed URL.",
    responses={**IMAGE_RESPONSES, **problems(*FILE_PROBLEMS)},
)
async def get_asset_content(asset_id: str, request: Request, services: ServicesDep, tenant: TenantDep) -> Response:
    record = await _find(asset_id, services, tenant)
    return await image_response(services, record.key, request)


async def _find(asset_id: str, services: Services, tenant: str) -> AssetRecord:
    record = await services.jobs.call(commands.get_asset(tenant, asset_id)) if is_asset_id(asset_id) else None
    if record is None:
        raise not_found(ASSET_NOT_FOUND)
    return record


def _problem(error: ImageRejected) -> ApiProblem:
    if error.code in _PROBLEM_KINDS:
        return ApiProblem(_PROBLEM_KINDS[error.code], error.detail)
    return invalid(error.detail, FieldError(pointer="/file", code=error.code, detail=error.detail))


def _asset(record: AssetRecord, services: Services, urls: UrlBuilder) -> Asset:
    retention_s = services.settings.asset_retention_seconds
    used_at = timestamp(record.used_ms)
    return Asset.model_validate(
        {
            "id": record.id,
            "content_type": record.content_type,
            "width": record.width,
            "height": record.height,
            "size_bytes": record.size_bytes,
            "sha256": record.id.removeprefix("asset_"),
            "created_at": timestamp(record.created_ms),
            "expires_at": used_at + timedelta(seconds=retention_s)
            if retention_s and not record.reference_count
            else None,
            "recipe": json.loads(record.recipe_json) if record.recipe_json else None,
            "url": urls.asset_content(record.id),
        }
    )
