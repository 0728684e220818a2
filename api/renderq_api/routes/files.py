"""Pictures in a folder, served to whoever holds a signed address; an S3 store serves its own."""

import asyncio
import time
from collections.abc import Iterator

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from renderq.contract import ProblemKind
from renderq_api.openapi import answer_headers, problems
from renderq_api.problems import ApiProblem, not_found
from renderq_api.ranges import RangeNotSatisfiable, byte_range
from renderq_api.services import Serving
from renderq_shared.objects import ObjectInfo
from renderq_shared.objects.keys import is_key

router = APIRouter(prefix="/v1/files", tags=["jobs"])

_FILE = {"schema": {"type": "string", "format": "binary"}}
_QUERY = {"expires": "Seconds since the epoch.", "signature": "Over key and expiry; made by the service."}


@router.get(
    "/{key:path}",
    summary="Fetch a file by its signed address",
    response_class=Response,
    responses={
        200: {
            "description": "The file.",
            "content": {"image/png": _FILE, "image/jpeg": _FILE, "image/webp": _FILE},
            "headers": answer_headers(ETag="Names the content.", Accept_Ranges="`bytes`."),
        },
        206: {
            "description": "The range of it that was asked for.",
            "content": {"image/png": _FILE, "image/jpeg": _FILE, "image/webp": _FILE},
            "headers": answer_headers(Content_Range="Which bytes, of how many."),
        },
        304: {"description": "The file still is what `If-None-Match` names."},
        **problems(
            ProblemKind.FORBIDDEN,
            ProblemKind.NOT_FOUND,
            ProblemKind.RANGE_NOT_SATISFIABLE,
            ProblemKind.STORAGE_UNAVAILABLE,
        ),
    },
    openapi_extra={
        "parameters": [
            {"in": "query", "name": name, "required": True, "description": text, "schema": {"type": "string"}}
            for name, text in _QUERY.items()
        ]
    },
)
async def file(key: str, request: Request, services: Serving) -> Response:
    if not is_key(key):
        raise not_found("There is no such file.")
    expires = _require_signed(services, key, request)
    info = await asyncio.to_thread(services.objects.info, key)
    headers = _headers(key, info, max_age_s=expires - int(time.time()))
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    try:
        wanted = byte_range(_range_header(request, headers["ETag"]), info.size_bytes)
    except RangeNotSatisfiable as error:
        raise ApiProblem(
            ProblemKind.RANGE_NOT_SATISFIABLE,
            f"The file has {info.size_bytes} bytes.",
            headers={"Content-Range": f"bytes */{info.size_bytes}"},
        ) from error
    start, end = (wanted.start, wanted.end) if wanted else (0, info.size_bytes)
    headers["Content-Length"] = str(end - start)
    if wanted:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{info.size_bytes}"
    content: Iterator[bytes] = iter(()) if request.method == "HEAD" else services.objects.read(key, start, end)
    return StreamingResponse(content, 206 if wanted else 200, headers, info.content_type)


router.add_api_route("/{key:path}", file, methods=["HEAD"], include_in_schema=False)


def _require_signed(services: Serving, key: str, request: Request) -> int:
    """When the address expires, in seconds since the epoch. Raises `ApiProblem`."""
    query = request.query_params
    expires, signature = query.get("expires", ""), query.get("signature", "")
    if set(query.keys()) != set(_QUERY) or len(query.multi_items()) != len(_QUERY) or not _is_time(expires):
        raise _forbidden("A file's address has two query parameters, expires and signature.")
    if not services.objects.is_signed(key, int(expires), signature):
        raise _forbidden("The signature does not fit this address.")
    if int(expires) <= time.time():
        raise _forbidden("The address has expired.")
    return int(expires)


def _is_time(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 12


def _forbidden(detail: str) -> ApiProblem:
    return ApiProblem(ProblemKind.FORBIDDEN, f"{detail} Take a fresh one from the job's outputs[].url.")


def _headers(key: str, info: ObjectInfo, max_age_s: int) -> dict[str, str]:
    segments = key.split("/")
    name = f"{segments[1]}-{segments[-1]}" if segments[0] == "jobs" and len(segments) > 2 else segments[-1]
    return {
        "ETag": f'"{info.etag}"',
        "Accept-Ranges": "bytes",
        "Cache-Control": f"private, max-age={max_age_s}, immutable",
        "Content-Disposition": f'inline; filename="{name}"',
        "X-Content-Type-Options": "nosniff",
    }


def _range_header(request: Request, etag: str) -> str | None:
    """The wanted range, unless the client holds the beginning of another content."""
    if request.headers.get("if-range", etag) != etag:
        return None
    return request.headers.get("range")
