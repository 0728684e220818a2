"""JSON request bodies, read with limits on size and time."""

import asyncio
import re

from starlette.requests import Request

from renderq.contract import LIMITS, FieldError, ProblemKind
from renderq_api.http.content_encoding import content_encoding
from renderq_api.http.json_pointer import pointer
from renderq_api.http.problems import ApiProblem, invalid
from renderq_api.http.strict_json import MAX_VALUES, JsonObject, NotStrictJson, parse_object

_JSON = re.compile(r'application/json\s*+(?:;\s*+charset\s*+=\s*+"?utf-?8"?\s*+)?+;?\s*+', re.IGNORECASE)
"""Possessive quantifiers keep it linear: adjacent `\\s*` would try every division of a run of spaces."""

BODY_S = 30.0
"""Time limit for receiving a body."""


async def read_object(request: Request) -> JsonObject:
    """Return the JSON object in the body. Raises `ApiProblem`."""
    require_json(request)
    return parse_json(await _read(request))


async def read_large_object(request: Request, max_bytes: int, max_values: int) -> JsonObject:
    """Like `read_object`, with limits of the route's own. Parses in a thread, as it may take a while."""
    require_json(request)
    return await asyncio.to_thread(parse_json, await _read(request, max_bytes), max_values)


async def require_no_fields(request: Request) -> None:
    """Require no body or an empty object. Raises `ApiProblem`."""
    body = await _read(request)
    if not body:
        return
    require_json(request)
    unknown = [
        FieldError(pointer=pointer(key), code="unknown_field", detail="This route takes no fields.")
        for key in list(parse_json(body).fields)[:10]
    ]
    if unknown:
        raise invalid("This route takes no fields. Send the request without a body.", *unknown)


def is_json(content_type: str) -> bool:
    """Return whether a `Content-Type` is JSON in UTF-8."""
    return _JSON.fullmatch(content_type.strip()) is not None


def parse_json(body: bytes, max_values: int = MAX_VALUES) -> JsonObject:
    """Return the object that a body is. Raises `ApiProblem`."""
    try:
        return parse_object(body, max_values)
    except NotStrictJson as error:
        detail = error.detail[0].upper() + error.detail[1:] + "."
        raise invalid(detail, FieldError(pointer="", code=error.code, detail=detail)) from error


def require_json(request: Request) -> None:
    """Raise `ApiProblem` unless the headers say that the body is JSON."""
    encoding = content_encoding(request.headers)
    if encoding is not None:
        raise ApiProblem(
            ProblemKind.UNSUPPORTED_MEDIA_TYPE,
            f"Content-Encoding {encoding[:40]} is not supported; send the body uncompressed.",
            headers={"Accept-Encoding": "identity"},
        )
    if not is_json(request.headers.get("content-type", "")):
        raise ApiProblem(
            ProblemKind.UNSUPPORTED_MEDIA_TYPE,
            "Send the body as JSON in UTF-8, with the header Content-Type: application/json.",
            headers={"Accept": "application/json"},
        )


async def _read(request: Request, max_bytes: int = LIMITS.body_bytes) -> bytes:
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared[:20]) > max_bytes:
        raise _too_large(max_bytes)
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for chunk in request.stream():
                if len(body) + len(chunk) > max_bytes:
                    raise _too_large(max_bytes)
                body += chunk
    except TimeoutError:
        detail = f"The body did not arrive within {BODY_S:g} s. Send the request again."
        raise ApiProblem(ProblemKind.REQUEST_TIMEOUT, detail, headers={"Connection": "close"}) from None
    return bytes(body)


def _too_large(max_bytes: int) -> ApiProblem:
    return ApiProblem(ProblemKind.PAYLOAD_TOO_LARGE, f"The body is too large; the maximum is {max_bytes:,} bytes.")
