"""Response about an error, in the form of a door."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from renderq_api.doors.job_run import response_headers
from renderq_api.http.lingering_close import response_class


def error_response(request: Request, status: int, body: str, headers: Mapping[str, str]) -> Response:
    """Return an error; `body` is JSON."""
    more = {"Cache-Control": "no-store", **headers, **response_headers(request)}
    return response_class(more)(body, status, more, "application/json")
