"""Errors in OpenAI's form, and how their SDKs treat them.

The SDKs repeat 408, 409, 429 and everything from 500 on, unless `x-should-retry` is `false`.
"""

from collections.abc import Mapping

from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from renderq.contract import PROBLEMS, FieldError, ProblemKind
from renderq_api.doors.error_response import error_response
from renderq_api.doors.field_names import detail_with_field
from renderq_api.doors.job_end import JobEnd
from renderq_api.http.problems import ApiProblem, problem_headers

REQUEST_ERROR_STATUS = 400
"""Status of a job that failed because of what it asked for."""

_STATUSES = {ProblemKind.MODEL_NOT_FOUND: 404, ProblemKind.PURGE_IN_PROGRESS: 503}
_FIELDS = {
    "/width": "size",
    "/height": "size",
    "/output/format": "output_format",
    "/output/quality": "output_compression",
    "/metadata/user": "user",
}
"""Pointer into a body of `POST /v1/jobs` → field of this door, where the two differ."""


class OpenAiError(BaseModel):
    """What is wrong."""

    message: str = Field(description="What is wrong, what was expected, and what to do.")
    type: str
    param: str | None = Field(description="The field that is wrong.")
    code: str = Field(description="Of the problem, or of the error of the job.")


class OpenAiErrorBody(BaseModel):
    """Body of every error."""

    error: OpenAiError


def job_end_response(request: Request, end: JobEnd) -> Response:
    """Return the error of a job that ended without images."""
    headers = {} if end.status == 503 else {"x-should-retry": "false"}
    return _response(request, end.status, error_body(end.status, end.message, end.code, None), headers)


def problem_response(request: Request, problem: ApiProblem) -> Response:
    """Return a problem in the form of this door."""
    kind = problem.kind
    status = _STATUSES.get(kind, PROBLEMS[kind].status)
    status = 400 if status == 422 else status
    first = problem.errors[0] if problem.errors else None
    code = "invalid_api_key" if kind is ProblemKind.UNAUTHORIZED else str(kind)
    headers = problem_headers(problem)
    if status < 500 and status not in (408, 429):
        headers["x-should-retry"] = "false"
    param = _param(first)
    return _response(request, status, error_body(status, detail_with_field(problem, param), code, param), headers)


def error_body(status: int, message: str, code: str, param: str | None) -> OpenAiErrorBody:
    return OpenAiErrorBody(error=OpenAiError(message=message, type=_type(status), param=param, code=code))


def _response(request: Request, status: int, body: OpenAiErrorBody, headers: Mapping[str, str]) -> Response:
    return error_response(request, status, body.model_dump_json(), headers)


def _type(status: int) -> str:
    types = {401: "authentication_error", 429: "rate_limit_error"}
    return types.get(status, "invalid_request_error" if status < 500 else "server_error")


def _param(error: FieldError | None) -> str | None:
    """Return the field of this door that an error is about; `None` for the body as a whole."""
    if error is None or not error.pointer:
        return None
    return _FIELDS.get(error.pointer) or error.pointer.split("/")[1]
