"""Pictures in a folder, served to whoever holds a signed address; an S3 store serves its own."""

import time

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from renderq.contract import ProblemKind
from renderq_api.http.problems import ApiProblem, not_found
from renderq_api.openapi.document import problems
from renderq_api.responses.image_response import FILE_PROBLEMS, FILE_RESPONSES, file_response
from renderq_api.services import ServicesDep
from renderq_shared.objects import FolderStore
from renderq_shared.objects.keys import is_key

router = APIRouter(prefix="/v1/files", tags=["jobs"])

_QUERY = {"expires": "Seconds since the epoch.", "signature": "Over key and expiry; made by the service."}


@router.get(
    "/{key:path}",
    summary="Fetch a file by its signed address",
    response_class=Response,
    responses={**FILE_RESPONSES, **problems(*FILE_PROBLEMS, ProblemKind.FORBIDDEN, keyed=False)},
    openapi_extra={
        "parameters": [
            {"in": "query", "name": name, "required": True, "description": text, "schema": {"type": "string"}}
            for name, text in _QUERY.items()
        ]
    },
)
async def file(key: str, request: Request, services: ServicesDep) -> Response:
    objects = services.objects
    if not isinstance(objects, FolderStore) or not is_key(key):
        raise not_found("There is no such file.")
    expires = _require_signed(objects, key, request)
    return await file_response(objects, key, request, f"private, max-age={expires - int(time.time())}, immutable")


router.add_api_route("/{key:path}", file, methods=["HEAD"], include_in_schema=False)


def _require_signed(objects: FolderStore, key: str, request: Request) -> int:
    """When the address expires, in seconds since the epoch. Raises `ApiProblem`."""
    query = request.query_params
    expires, signature = query.get("expires", ""), query.get("signature", "")
    if set(query.keys()) != set(_QUERY) or len(query.multi_items()) != len(_QUERY) or not _is_time(expires):
        raise _forbidden("A file's address has two query parameters, expires and signature.")
    if not objects.is_signed(key, int(expires), signature):
        raise _forbidden("The signature does not fit this address.")
    if int(expires) <= time.time():
        raise _forbidden("The address has expired.")
    return int(expires)


def _is_time(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 12


def _forbidden(detail: str) -> ApiProblem:
    return ApiProblem(
        ProblemKind.FORBIDDEN, f"{detail} Take a fresh one from a job's outputs[].url, or an asset's url."
    )
