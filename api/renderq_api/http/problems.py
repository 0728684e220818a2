"""Problem responses (RFC 9457): the `ApiProblem` exception and its document."""

from collections.abc import Mapping, Sequence

from starlette.requests import Request
from starlette.responses import Response

from renderq.contract import PROBLEMS, FieldError, Problem, ProblemKind
from renderq.contract.problems import TYPE_PREFIX
from renderq_api.http.lingering_close import LingeringCloseResponse
from renderq_shared.errors import StoreUnavailable

MEDIA_TYPE = "application/problem+json"

RETRY_AFTER_S: Mapping[ProblemKind, int] = {
    ProblemKind.QUEUE_FULL: 10,
    ProblemKind.QUOTA_EXCEEDED: 10,
    ProblemKind.STORAGE_UNAVAILABLE: 2,
    ProblemKind.SERVICE_UNAVAILABLE: 2,
}
"""`Retry-After` in seconds."""


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


def invalid(detail: str, *errors: FieldError) -> ApiProblem:
    return ApiProblem(ProblemKind.INVALID_REQUEST, detail, errors=errors)


def not_found(detail: str) -> ApiProblem:
    return ApiProblem(ProblemKind.NOT_FOUND, detail)


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
    document = problem_document(
        problem.kind, problem.detail, request.url.path, request.state.request_id, *problem.errors
    )
    headers = {"Cache-Control": "no-store", **problem.headers}
    if problem.kind in RETRY_AFTER_S:
        headers["Retry-After"] = str(RETRY_AFTER_S[problem.kind])
    response_class = LingeringCloseResponse if headers.get("Connection") == "close" else Response
    return response_class(document.model_dump_json(), document.status, headers, MEDIA_TYPE)
