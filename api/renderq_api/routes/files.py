"""Signed file route: serves files that clients cannot get from the object store itself."""

import time

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from renderq.contract import ProblemKind
from renderq_api.http.problems import ApiProblem, not_found
from renderq_api.openapi.responses import problems
from renderq_api.responses.image_response import FILE_PROBLEMS, FILE_RESPONSES, file_response
from renderq_api.services import Services, ServicesDep
from renderq_shared.objects import is_key

router = APIRouter(prefix="/v1/files", tags=["jobs"])

_QUERY = {
    "expires": "Expiry time, in seconds since the Unix epoch.",
    "signature": "Signature of key, expiry and disposition, issued by the service.",
}

_DISPOSITION = "disposition"


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
        + [
            {
                "in": "query",
                "name": _DISPOSITION,
                "description": "`Content-Disposition` of the response, in links that have one.",
                "schema": {"type": "string"},
            }
        ]
    },
)
async def get_file(key: str, request: Request, services: ServicesDep) -> Response:
    if not services.serves_files or not is_key(key):
        raise not_found("File not found. Get the job again: its image URLs are new ones.")
    expires = _require_signed(services, key, request)
    cache_control = f"private, max-age={expires - int(time.time())}, immutable"
    disposition = request.query_params.get(_DISPOSITION)
    return await file_response(services.objects, key, request, cache_control, disposition)


def _require_signed(services: Services, key: str, request: Request) -> int:
    """Verify the signature and return the expiry in seconds since the Unix epoch. Raises `ApiProblem`."""
    items = request.query_params.multi_items()
    query = dict(items)
    disposition = query.pop(_DISPOSITION, None)
    is_repeated = len(items) > len(query) + (disposition is not None)
    if query.keys() != _QUERY.keys() or is_repeated or not _is_timestamp(query["expires"]):
        raise _forbidden("A signed URL has the query parameters expires and signature, and some have disposition.")
    expires = int(query["expires"])
    if not services.is_signed(key, expires, query["signature"], disposition):
        raise _forbidden("The signature does not match this URL.")
    if expires <= time.time():
        raise _forbidden("The signed URL has expired.")
    return expires


def _is_timestamp(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 12


def _forbidden(detail: str) -> ApiProblem:
    return ApiProblem(ProblemKind.FORBIDDEN, f"{detail} Get a new one from a job's outputs[].url or an asset's url.")
