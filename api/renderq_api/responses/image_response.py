"""Image responses: a redirect to a signed URL, or the file itself with range and conditional requests."""

import asyncio
from collections.abc import Iterator
from itertools import chain

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from renderq.contract import ProblemKind
from renderq_api.http.etag import is_current, is_expected, strong_etag
from renderq_api.http.problems import ApiProblem
from renderq_api.http.public_address import base_url
from renderq_api.http.range_header import RangeNotSatisfiable, byte_range
from renderq_api.job_views.job_view import UrlBuilder
from renderq_api.openapi.responses import Responses, response_headers
from renderq_api.services import Services
from renderq_shared.objects import ObjectInfo, ObjectStore, content_disposition

_FILE = {"schema": {"type": "string", "format": "binary"}}
IMAGE_CONTENT = {"image/png": _FILE, "image/jpeg": _FILE, "image/webp": _FILE}

FILE_RESPONSES: Responses = {
    200: {
        "description": "The file.",
        "content": IMAGE_CONTENT,
        "headers": response_headers(ETag="Identifies the content.", Accept_Ranges="`bytes`."),
    },
    206: {
        "description": "The requested range of the file.",
        "content": IMAGE_CONTENT,
        "headers": response_headers(Content_Range="Range of bytes and size of the file."),
    },
    304: {"description": "The file is the one that `If-None-Match` names."},
}
IMAGE_RESPONSES: Responses = {
    302: {
        "description": "Redirect to a signed URL of the image, which expires.",
        "headers": response_headers(Location="Signed URL that needs no credentials."),
    },
    **FILE_RESPONSES,
}
FILE_PROBLEMS = (
    ProblemKind.NOT_FOUND,
    ProblemKind.PRECONDITION_FAILED,
    ProblemKind.RANGE_NOT_SATISFIABLE,
    ProblemKind.STORAGE_UNAVAILABLE,
)
"""Problems that `file_response` may cause, for the OpenAPI document."""


async def image_response(services: Services, key: str, request: Request) -> Response:
    """Redirect to a signed URL, or stream the image if the API serves images itself. Raises as `file_response`."""
    if services.settings.image_delivery == "proxy":
        return await file_response(services.objects, key, request, "private, no-cache")
    signed = await asyncio.to_thread(services.url_signer, key)
    return RedirectResponse(UrlBuilder(base_url(request)).signed(signed), 302, {"Cache-Control": "no-store"})


async def file_response(
    objects: ObjectStore, key: str, request: Request, cache_control: str, disposition: str | None = None
) -> Response:
    """Stream a file; supports `Range`, `If-Range`, `If-Match`, `If-None-Match` and HEAD.

    Reads in Starlette's thread pool, so that a hanging store blocks only threads of that pool. Raises `ApiProblem`,
    `ObjectNotFound`, `ObjectStoreUnavailable`; nothing is sent before the first bytes are read.
    """
    info = await run_in_threadpool(objects.info, key)
    headers = _headers(info, cache_control, disposition or content_disposition(key))
    if not is_expected(request.headers.getlist("if-match"), headers["ETag"]):
        raise ApiProblem(
            ProblemKind.PRECONDITION_FAILED,
            f"If-Match does not name the file, whose ETag is {headers['ETag']}. Start again with the whole file.",
            headers={"ETag": headers["ETag"]},
        )
    if is_current(request.headers.getlist("if-none-match"), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    try:
        requested = byte_range(_range_header(request, headers["ETag"]), info.size_bytes)
    except RangeNotSatisfiable as error:
        raise ApiProblem(
            ProblemKind.RANGE_NOT_SATISFIABLE,
            f"The range is outside the file, which has {info.size_bytes} bytes.",
            headers={"Content-Range": f"bytes */{info.size_bytes}"},
        ) from error
    start, end = (requested.start, requested.end) if requested else (0, info.size_bytes)
    headers["Content-Length"] = str(end - start)
    if requested:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{info.size_bytes}"
    content = iter(()) if request.method == "HEAD" else await run_in_threadpool(_read_first, objects, key, start, end)
    return StreamingResponse(content, 206 if requested else 200, headers, info.content_type)


def _read_first(objects: ObjectStore, key: str, start: int, end: int) -> Iterator[bytes]:
    chunks = objects.read(key, start, end)
    return chain([next(chunks, b"")], chunks)


def _headers(info: ObjectInfo, cache_control: str, disposition: str) -> dict[str, str]:
    return {
        "ETag": strong_etag(info.etag),
        "Accept-Ranges": "bytes",
        "Cache-Control": cache_control,
        "Content-Disposition": disposition,
        "X-Content-Type-Options": "nosniff",
    }


def _range_header(request: Request, etag: str) -> str | None:
    """Return the `Range` headers of a GET, unless `If-Range` names other content. They have no meaning for HEAD."""
    if request.method != "GET" or any(condition != etag for condition in request.headers.getlist("if-range")):
        return None
    return ", ".join(request.headers.getlist("range"))
