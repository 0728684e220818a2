"""Upload of one file in a multipart form, with limits on size, time and memory."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from python_multipart.multipart import parse_options_header
from starlette.requests import ClientDisconnect, Request

from renderq.contract import LIMITS, ProblemKind
from renderq_api.assets.multipart import FileForm, file_too_large
from renderq_api.assets.upload_budget import UploadBudget
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
    form, deadline = FileForm(_boundary(request)), _now() + _UPLOAD_S
    size, more = 0, True
    with budget.reserve() as reserve:
        try:
            while more:
                chunk, more = await _next_chunk(request, deadline)
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


def _check_declared_size(request: Request) -> None:
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared[:20]) > LIMITS.asset_bytes + _FORM_BYTES:
        raise file_too_large()


def _boundary(request: Request) -> bytes:
    media_type, options = parse_options_header(request.headers.get("content-type"))
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if media_type != b"multipart/form-data" or encoding != "identity":
        raise ApiProblem(
            ProblemKind.UNSUPPORTED_MEDIA_TYPE,
            "Send the image as multipart/form-data, in a field named file, without a Content-Encoding.",
            headers={"Accept": "multipart/form-data"},
        )
    boundary = options.get(b"boundary", b"")
    if not 1 <= len(boundary) <= 70:  # RFC 2046, 5.1.1
        raise invalid("The Content-Type header is not valid; it needs a boundary of 1 to 70 characters.")
    return boundary


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
