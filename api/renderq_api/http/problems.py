"""Problem responses (RFC 9457): the `ApiProblem` exception and its document."""

import math
from collections.abc import Callable, Mapping, Sequence

from starlette.requests import Request
from starlette.responses import Response

from renderq.contract import PROBLEMS, FieldError, Problem, ProblemKind
from renderq.contract.problems import TYPE_PREFIX
from renderq_api.http.lingering_close import response_class
from renderq_api.http.public_address import public_path
from renderq_shared.errors import StoreUnavailable

MEDIA_TYPE = "application/problem+json"

RETRY_AFTER_S: Mapping[ProblemKind, int] = {
    ProblemKind.QUEUE_FULL: 10,
    ProblemKind.QUOTA_EXCEEDED: 10,
    ProblemKind.TOO_MANY_STREAMS: 10,
    ProblemKind.STORAGE_UNAVAILABLE: 2,
    ProblemKind.HISTORY_UNAVAILABLE: 5,
    ProblemKind.SERVICE_UNAVAILABLE: 2,
}
"""`Retry-After` in seconds, of problems that have no estimate of their own."""


_FULL_S = 15
"""`Retry-After` of a full demo whose queue gives no estimate."""


class ApiProblem(Exception):
    """Ends a request with a problem document. `detail` says what was wrong, what was expected and what to do."""

    def __init__(
        self,
        kind: ProblemKind,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})


ProblemForm = Callable[[Request, ApiProblem], Response]
"""Form of the errors of some paths: request, problem → response."""


def invalid(detail: str, *errors: FieldError) -> ApiProblem:
    return ApiProblem(ProblemKind.INVALID_REQUEST, detail, errors=errors)


def not_found(detail: str) -> ApiProblem:
    return ApiProblem(ProblemKind.NOT_FOUND, detail)


def daily_limit_reached(detail: str, wait_ms: int) -> ApiProblem:
    """Return the refusal of a visitor whose address has had its share for `wait_ms`."""
    headers = {"Retry-After": str(max(1, math.ceil(wait_ms / 1000)))}
    return ApiProblem(ProblemKind.DAILY_LIMIT_REACHED, detail, headers=headers)


def demo_full(wait_s: int | None) -> ApiProblem:
    """Return the refusal of a visitor; `wait_s`: seconds until a place is free, `None` if that is not known."""
    when = "soon" if wait_s is None else f"in about {_duration(wait_s)}"
    detail = f"This demo is full; a place is free {when}."
    headers = {"Retry-After": str(_FULL_S if wait_s is None else max(1, wait_s))}
    return ApiProblem(ProblemKind.DEMO_FULL, detail, headers=headers)


def purge_in_progress() -> ApiProblem:
    detail = "All data of this tenant is being deleted. Nothing can be submitted or uploaded until that has ended."
    return ApiProblem(ProblemKind.PURGE_IN_PROGRESS, detail)


def redis_unavailable(error: StoreUnavailable) -> ApiProblem:
    reason = f": {error.refusal}" if error.refusal else ""
    advice = "No job is lost. Try again, with the same Idempotency-Key if you sent one."
    detail = f"The job store is unavailable{reason}. {advice}"
    return ApiProblem(ProblemKind.SERVICE_UNAVAILABLE, detail)


def problem_document(kind: ProblemKind, detail: str, path: str, request_id: str, *errors: FieldError) -> Problem:
    definition = PROBLEMS[kind]
    return Problem(
        type=TYPE_PREFIX + kind,
        title=definition.title,
        status=definition.status,
        detail=detail,
        instance=path,
        code=kind,
        retryable=definition.retryable,
        request_id=request_id,
        errors=errors,
    )


def problem_response(request: Request, problem: ApiProblem) -> Response:
    """Return a problem document, or the form that the path of the request has for its errors."""
    request.scope.setdefault("state", {})["problem"] = problem.kind
    form_of: Callable[[str], ProblemForm | None] = request.app.state.problem_form
    return (form_of(request.scope["path"]) or _document_response)(request, problem)


def problem_headers(problem: ApiProblem) -> dict[str, str]:
    """Return the headers that a problem has in every form."""
    headers = {"Cache-Control": "no-store", **problem.headers}
    if problem.kind in RETRY_AFTER_S:
        headers.setdefault("Retry-After", str(RETRY_AFTER_S[problem.kind]))
    return headers


def _document_response(request: Request, problem: ApiProblem) -> Response:
    document = problem_document(
        problem.kind, problem.detail, public_path(request), request.state.request_id, *problem.errors
    )
    headers = problem_headers(problem)
    return response_class(headers)(document.model_dump_json(), document.status, headers, MEDIA_TYPE)


def _duration(seconds: int) -> str:
    """Return a time in words, in the unit that fits."""
    if seconds < 60:
        return f"{max(1, seconds)} s"
    return f"{round(seconds / 60)} min" if seconds < 5_400 else f"{round(seconds / 3_600)} h"
