"""Input pictures: upload one, look at it, fetch it."""

from datetime import UTC, datetime, timedelta

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from renderq.contract import Asset, FieldError, ProblemKind
from renderq.contract.pictures import is_asset_id
from renderq_api.answers import answer, no_query
from renderq_api.assets import PictureRefused, received
from renderq_api.openapi import PICTURE_FORM, answer_headers, problems
from renderq_api.pictures import FILE_PROBLEMS, PICTURE_ANSWERS, picture_answer
from renderq_api.problems import ApiProblem, invalid, not_found
from renderq_api.representing import Links
from renderq_api.services import Services, Serving
from renderq_api.tenants import Tenant
from renderq_shared.jobs import AssetRecord

router = APIRouter(prefix="/v1/assets", tags=["assets"], dependencies=[Depends(no_query)])

_REFUSALS = {
    "unsupported_media_type": ProblemKind.UNSUPPORTED_MEDIA_TYPE,
    "asset_too_large": ProblemKind.ASSET_TOO_LARGE,
}


@router.post(
    "",
    status_code=201,
    response_model=Asset,
    summary="Upload a picture",
    description="PNG, JPEG or WebP; the type is told by the content. The same bytes give the same asset and begin its "
    "life anew, so an upload can be repeated without an Idempotency-Key.",
    responses={
        201: {
            "description": "The picture is kept.",
            "headers": answer_headers(Location="The asset's address."),
        },
        **problems(
            ProblemKind.ASSET_TOO_LARGE,
            ProblemKind.UNSUPPORTED_MEDIA_TYPE,
            ProblemKind.REQUEST_TIMEOUT,
            ProblemKind.STORAGE_UNAVAILABLE,
        ),
    },
    openapi_extra={"requestBody": PICTURE_FORM},
)
async def upload(request: Request, services: Serving, tenant: Tenant) -> Response:
    async with received(request, services.memory) as data:
        try:
            record = await services.assets.take(tenant, data)
        except PictureRefused as error:
            raise _refusal(error) from error
    asset = _asset(record, services, Links(str(request.base_url)))
    return answer(asset, 201, {"Location": Links(str(request.base_url)).asset(record.id)})


@router.get("/{asset_id}", response_model=Asset, summary="Look at an asset", responses=problems(ProblemKind.NOT_FOUND))
async def look(asset_id: str, request: Request, services: Serving, tenant: Tenant) -> Response:
    record = await _find(asset_id, services, tenant)
    return answer(_asset(record, services, Links(str(request.base_url))))


@router.get(
    "/{asset_id}/content",
    status_code=302,
    response_class=Response,
    summary="Fetch an asset's picture",
    description="The file as it was uploaded, in the way in which jobs' pictures are served.",
    responses={**PICTURE_ANSWERS, **problems(*FILE_PROBLEMS)},
)
async def content(asset_id: str, request: Request, services: Serving, tenant: Tenant) -> Response:
    record = await _find(asset_id, services, tenant)
    return await picture_answer(services, record.key, request)


router.add_api_route("/{asset_id}/content", content, methods=["HEAD"], include_in_schema=False)


async def _find(asset_id: str, services: Services, tenant: str) -> AssetRecord:
    record = await services.jobs.asset(tenant, asset_id) if is_asset_id(asset_id) else None
    if record is None:
        raise not_found("There is no such asset. It may have expired: upload it again.")
    return record


def _refusal(error: PictureRefused) -> ApiProblem:
    if error.code in _REFUSALS:
        return ApiProblem(_REFUSALS[error.code], error.why)
    return invalid(error.why, FieldError(pointer="/file", code=error.code, detail=error.why))


def _asset(record: AssetRecord, services: Services, links: Links) -> Asset:
    kept_s = services.settings.asset_seconds
    used_at = datetime.fromtimestamp(record.used_ms / 1000, UTC)
    return Asset.model_validate(
        {
            "id": record.id,
            "content_type": record.content_type,
            "width": record.width,
            "height": record.height,
            "size_bytes": record.size_bytes,
            "sha256": record.id.removeprefix("asset_"),
            "created_at": datetime.fromtimestamp(record.created_ms / 1000, UTC),
            "expires_at": used_at + timedelta(seconds=kept_s) if kept_s and not record.holds else None,
            "url": links.asset_content(record.id),
        }
    )
