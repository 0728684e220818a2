"""One file in a multipart form, received under bounds of size, time and memory."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from python_multipart.multipart import parse_options_header
from starlette.requests import ClientDisconnect, Request

from renderq.contract import LIMITS, ProblemKind
from renderq_api.assets.multipart import FileForm, too_large
from renderq_api.assets.upload_budget import UploadBudget
from renderq_api.http.problems import ApiProblem, invalid

_FORM_BYTES = 16 << 10
"""What a body may have besides the file."""

_SILENCE_S = 20.0
_UPLOAD_S = 300.0
"""How long a client may send nothing, and how long all of it may take."""


@asynccontextmanager
async def receive_upload(request: Request, budget: UploadBudget) -> AsyncGenerator[bytes]:
    """The file, held until the block ends. Raises `ApiProblem`; a body that is left unread ends its connection."""
    _require_size(request)
    form, latest = FileForm(_boundary(request)), _now() + _UPLOAD_S
    size, more = 0, True
    with budget.reserve() as hold:
        try:
            while more:
                chunk, more = await _next(request, latest)
                hold(len(chunk))
                size += len(chunk)
                if size > LIMITS.asset_bytes + _FORM_BYTES:
                    raise too_large()
                form.write(chunk)
            yield form.file()
        except ApiProblem as problem:
            if more:
                problem.headers["Connection"] = "close"
            raise


def _require_size(request: Request) -> None:
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared[:20]) > LIMITS.asset_bytes + _FORM_BYTES:
        raise too_large()


def _boundary(request: Request) -> bytes:
    media_type, options = parse_options_header(request.headers.get("content-type"))
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if media_type != b"multipart/form-data" or encoding != "identity":
        raise ApiProblem(
            ProblemKind.UNSUPPORTED_MEDIA_TYPE,
            "Send the picture as multipart/form-data, in a field named file, without a Content-Encoding.",
            headers={"Accept": "multipart/form-data"},
        )
    boundary = options.get(b"boundary", b"")
    if not 1 <= len(boundary) <= 70:  # RFC 2046, 5.1.1
        raise invalid("The Content-Type header is not valid: it needs a boundary of 1 to 70 characters.")
    return boundary


async def _next(request: Request, latest: float) -> tuple[bytes, bool]:
    """The next piece of the body, and whether there is more."""
    try:
        async with asyncio.timeout_at(min(latest, _now() + _SILENCE_S)):
            message = await request.receive()
    except TimeoutError:
        detail = f"An upload may pause for {_SILENCE_S:.0f} s and take {_UPLOAD_S:.0f} s in all; begin again."
        raise ApiProblem(ProblemKind.REQUEST_TIMEOUT, detail) from None
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    return message["body"], message["more_body"]


def _now() -> float:
    return asyncio.get_running_loop().time()
