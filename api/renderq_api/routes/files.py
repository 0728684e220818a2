"""Signed file route: serves files of a folder store. An S3 store serves its own signed URLs."""

import time

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from renderq.contract import ProblemKind
from renderq_api.http.problems import ApiProblem, not_found
from renderq_api.openapi.document import problems
from renderq_api.responses.image_response import FILE_PROBLEMS, FILE_RESPONSES, file_response
from renderq_api.services import ServicesDep
from renderq_shared.objects import FolderStore, is_key

router = APIRouter(prefix="/v1/files", tags=["jobs"])

_QUERY = {
    "expires": "Expiry time, in seconds since the Unix epoch.",
    "signature": "Signature of key and expiry, issued by the service.",
}


@router.get(
    "/{key:path}",
    summary="Download a file by its signed URL",
    response_class=Response,
    responses={**FILE_RESPONSES, **problems(*FILE_PROBLEMS, ProblemKind.FORBIDDEN, keyed=False)},
    openapi_extra={
        "parameters": [
            {"in": "query", "name": name, "required": True, "description": text, "schema": {"type": "string"}}
            for name, text in _QUERY.items()
        ]
    },
)
async def get_file(key: str, request: Request, services: ServicesDep) -> Response:
    objects = services.objects
    if not isinstance(objects, FolderStore) or not is_key(key):
        raise not_found("File not found.")
    expires = _require_signed(objects, key, request)
    return await file_response(objects, key, request, f"private, max-age={expires - int(time.time())}, immutable")


router.add_api_route("/{key:path}", get_file, methods=["HEAD"], include_in_schema=False)


def _require_signed(objects: FolderStore, key: str, request: Request) -> int:
    """Verify the signature and return the expiry in seconds since the Unix epoch. Raises `ApiProblem`."""
    query = request.query_params
    expires, signature = query.get("expires", ""), query.get("signature", "")
    if set(query.keys()) != set(_QUERY) or len(query.multi_items()) != len(_QUERY) or not _is_timestamp(expires):
        raise _forbidden("A signed URL has exactly the query parameters expires and signature.")
    if not objects.is_signed(key, int(expires), signature):
        raise _forbidden("The signature does not match this URL.")
    if int(expires) <= time.time():
        raise _forbidden("The signed URL has expired.")
    return int(expires)


def _is_timestamp(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 12


def _forbidden(detail: str) -> ApiProblem:
    return ApiProblem(ProblemKind.FORBIDDEN, f"{detail} Get a new one from a job's outputs[].url or an asset's url.")
