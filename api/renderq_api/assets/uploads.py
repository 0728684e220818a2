"""Upload of one file in a multipart form, with limits on size, time and memory."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from starlette.requests import ClientDisconnect, Request

from renderq.contract import LIMITS, ProblemKind
from renderq_api.assets.multipart import FileForm, file_too_large, parse_parameters
from renderq_api.assets.upload_budget import UploadBudget
from renderq_api.http.content_encoding import content_encoding
from renderq_api.http.problems import ApiProblem, invalid

_FORM_BYTES = 16 << 10
"""Maximum size of the body in addition to the file."""

_IDLE_S = 20.0
_UPLOAD_S = 300.0
"""Maximum pause between two chunks, and maximum duration of the upload."""


@asynccontextmanager
async def receive_upload(request: Request, budget: UploadBudget) -> AsyncGenerator[bytes]:
    """Receive the file and count it against the budget until the block ends.

    Raises `ApiProblem`; an unread rest of the body closes the connection.
    """
    _check_declared_size(request)
    form = FileForm(form_boundary(request))
    size, more = 0, True
    with budget.reserve() as reserve:
        try:
            async for chunk, more_follow in receive_chunks(request):
                more = more_follow
                reserve(len(chunk))
                size += len(chunk)
                if size > LIMITS.asset_bytes + _FORM_BYTES:
                    raise file_too_large()
                form.write(chunk)
            yield form.file()
        except ApiProblem as problem:
            if more:
                problem.headers["Connection"] = "close"
            raise


async def receive_chunks(request: Request) -> AsyncGenerator[tuple[bytes, bool]]:
    """Yield the body as it arrives, each chunk with whether more follow.

    Raises `ApiProblem` if that takes too long, and `ClientDisconnect`.
    """
    deadline, more = _now() + _UPLOAD_S, True
    while more:
        chunk, more = await _next_chunk(request, deadline)
        yield chunk, more


def _check_declared_size(request: Request) -> None:
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared[:20]) > LIMITS.asset_bytes + _FORM_BYTES:
        raise file_too_large()


def form_boundary(request: Request) -> bytes:
    """Return the boundary of a multipart form. Raises `ApiProblem` for another body."""
    try:
        media_type, parameters = parse_parameters(request.headers.get("content-type", ""))
    except ValueError as error:
        raise _without_boundary() from error
    if media_type != b"multipart/form-data" or content_encoding(request.headers) is not None:
        raise ApiProblem(
            ProblemKind.UNSUPPORTED_MEDIA_TYPE,
            "Send the image as multipart/form-data, without a Content-Encoding.",
            headers={"Accept": "multipart/form-data"},
        )
    boundary = parameters.get(b"boundary", b"")
    if not 1 <= len(boundary) <= 70:  # RFC 2046, 5.1.1
        raise _without_boundary()
    return boundary


def _without_boundary() -> ApiProblem:
    return invalid("The Content-Type header is not valid; it needs one boundary of 1 to 70 characters.")


async def _next_chunk(request: Request, deadline: float) -> tuple[bytes, bool]:
    """Return the next chunk of the body, and whether more follow."""
    try:
        async with asyncio.timeout_at(min(deadline, _now() + _IDLE_S)):
            message = await request.receive()
    except TimeoutError:
        detail = (
            f"The upload timed out: it may pause for {_IDLE_S:.0f} s and take {_UPLOAD_S:.0f} s in total. Start again."
        )
        raise ApiProblem(ProblemKind.REQUEST_TIMEOUT, detail) from None
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    return message["body"], message["more_body"]


def _now() -> float:
    return asyncio.get_running_loop().time()
