"""Errors in AUTOMATIC1111's form."""

from collections.abc import Mapping

from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from renderq.contract import PROBLEMS, ProblemKind, Status
from renderq_api.doors.a1111.samplers import NOT_FOUND
from renderq_api.doors.error_response import error_response
from renderq_api.doors.field_names import detail_with_field
from renderq_api.doors.job_end import JobEnd, job_end
from renderq_api.http.problems import ApiProblem, problem_headers
from renderq_shared.jobs import JobRecord

_REQUEST_ERROR_STATUS = 422
"""Status of a job that failed because of what it asked for."""

_STATUSES = {ProblemKind.MODEL_NOT_FOUND: 400, ProblemKind.PURGE_IN_PROGRESS: 503}

_FIELDS = {
    "/guidance_scale": "cfg_scale",
    "/strength": "denoising_strength",
    "/n": "batch_size",
    "/metadata/task": "force_task_id",
    "/output/quality": "override_settings",
    "/output/format": "override_settings",
}
"""Pointer into a body of `POST /v1/jobs` → field of this door, where the two differ."""

_CHALLENGE = 'Basic realm="renderq"'
"""Of a request without a valid key: these clients send user name and password, one of which is the key."""


class A1111Error(BaseModel):
    """Body of every error."""

    error: str = Field(description="Code of the problem, or of the error of the job.")
    detail: str = Field(description="What is wrong, what was expected, and what to do.")
    body: str = ""
    errors: str = Field(description="As `detail`.")


def end_without_images(record: JobRecord) -> JobEnd | None:
    """Return the error for a job; `None` if it has succeeded, or was canceled: then it has what was finished."""
    if record.status is Status.CANCELED and not record.outputs_expired:
        return None
    return job_end(record, _REQUEST_ERROR_STATUS)


def job_end_response(request: Request, end: JobEnd) -> Response:
    """Return the error of a job that ended without images."""
    return _response(request, end.status, end.code, end.message, {})


def problem_response(request: Request, problem: ApiProblem) -> Response:
    """Return a problem in the form of this door."""
    first = problem.errors[0] if problem.errors else None
    status = _STATUSES.get(problem.kind, PROBLEMS[problem.kind].status)
    status = 400 if first and first.code == NOT_FOUND else status
    headers = problem_headers(problem)
    if problem.kind is ProblemKind.UNAUTHORIZED:
        headers["WWW-Authenticate"] = _CHALLENGE
    field = _field(request, first.pointer) if first and first.pointer else None
    return _response(request, status, str(problem.kind), detail_with_field(problem, field), headers)


def _field(request: Request, pointer: str) -> str:
    if pointer == "/image" and request.scope["path"].endswith("/img2img"):
        return "init_images"
    return _FIELDS.get(pointer) or pointer.split("/")[1]


def _response(request: Request, status: int, code: str, detail: str, headers: Mapping[str, str]) -> Response:
    body = A1111Error(error=code, detail=detail, errors=detail)
    return error_response(request, status, body.model_dump_json(), headers)
