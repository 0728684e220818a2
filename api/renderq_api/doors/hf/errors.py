"""Errors in the form of Hugging Face's inference servers."""

from collections.abc import Mapping

from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from renderq.contract import PROBLEMS, ProblemKind
from renderq_api.doors.error_response import error_response
from renderq_api.doors.field_names import detail_with_field
from renderq_api.doors.job_end import JobEnd
from renderq_api.http.problems import ApiProblem, problem_headers

REQUEST_ERROR_STATUS = 422
"""Status of a job that failed because of what it asked for."""

_STATUSES = {ProblemKind.QUEUE_FULL: 429}
"""Where not the problem's own: their client for JavaScript repeats what gets 503 at once, and without end."""

_FIELDS = {
    "/prompt": "inputs",
    "/image": "inputs",
    "/inputs": "inputs",
    "/steps": "parameters.num_inference_steps",
    "/model": "model",
}
"""Pointer into a body of `POST /v1/jobs` → field of this door, where it is not the parameter of that name."""


class HfErrorBody(BaseModel):
    """Body of every error."""

    error: str = Field(description="What is wrong, what was expected, and what to do.")
    error_type: str = Field(description="Code of the problem, or of the error of the job.")


def job_end_response(request: Request, end: JobEnd) -> Response:
    """Return the error of a job that ended without an image."""
    return _response(request, end.status, HfErrorBody(error=end.message, error_type=end.code), {})


def problem_response(request: Request, problem: ApiProblem) -> Response:
    """Return a problem in the form of this door."""
    status = _STATUSES.get(problem.kind, PROBLEMS[problem.kind].status)
    pointer = problem.errors[0].pointer if problem.errors else ""
    body = HfErrorBody(error=detail_with_field(problem, _field(pointer)), error_type=problem.kind)
    return _response(request, status, body, problem_headers(problem))


def _field(pointer: str) -> str:
    path = pointer.removeprefix("/parameters")
    return _FIELDS.get(path) or f"parameters{path.replace('/', '.')}"


def _response(request: Request, status: int, body: HfErrorBody, headers: Mapping[str, str]) -> Response:
    return error_response(request, status, body.model_dump_json(), headers)
