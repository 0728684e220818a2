"""Responses: problems, and headers that FastAPI cannot infer."""

from typing import Any

from renderq.contract import PROBLEMS, Problem, ProblemKind
from renderq_api.http.problems import MEDIA_TYPE, problem_document
from renderq_api.openapi.schemas import schema_ref

Responses = dict[int | str, dict[str, Any]]

_COMMON = (
    ProblemKind.INVALID_REQUEST,
    ProblemKind.FORBIDDEN,
    ProblemKind.SERVICE_UNAVAILABLE,
    ProblemKind.RECORD_UNREADABLE,
    ProblemKind.INTERNAL_ERROR,
)

BODY_PROBLEMS = (ProblemKind.PAYLOAD_TOO_LARGE, ProblemKind.REQUEST_TIMEOUT, ProblemKind.UNSUPPORTED_MEDIA_TYPE)
"""Problems of routes that read a body, even if only to require that it is empty."""

SUBMISSION_PROBLEMS = (
    ProblemKind.MODEL_NOT_FOUND,
    ProblemKind.TASK_NOT_SUPPORTED,
    ProblemKind.TOO_MANY_PIXELS,
    ProblemKind.ASSET_NOT_FOUND,
    ProblemKind.IDEMPOTENCY_KEY_REUSE,
    ProblemKind.NOT_FOUND,  # the job of a reused Idempotency-Key was deleted
    ProblemKind.HISTORY_UNAVAILABLE,  # it has ended, and only the history has it
    *BODY_PROBLEMS,
    ProblemKind.PURGE_IN_PROGRESS,
    ProblemKind.QUOTA_EXCEEDED,
    ProblemKind.DAILY_LIMIT_REACHED,
    ProblemKind.DEMO_FULL,
    ProblemKind.QUEUE_FULL,
    ProblemKind.STORAGE_UNAVAILABLE,
)
"""Problems of routes that submit a job."""


def problems(*kinds: ProblemKind, keyed: bool = True) -> Responses:
    """Return the error responses of a route: these kinds and those common to all routes.

    `keyed`: whether the route needs an API key on a service with keys.
    """
    by_status: dict[int | str, list[ProblemKind]] = {}
    common = (ProblemKind.UNAUTHORIZED, ProblemKind.RATE_LIMITED, *_COMMON) if keyed else _COMMON
    for kind in (*kinds, *(kind for kind in common if kind not in kinds)):
        by_status.setdefault(PROBLEMS[kind].status, []).append(kind)
    return {status: _problem_response(same_status) for status, same_status in by_status.items()}


def _problem_response(kinds: list[ProblemKind]) -> dict[str, Any]:
    return {
        "description": " ".join(f"`{kind}`: {PROBLEMS[kind].title}." for kind in kinds),
        "content": {
            MEDIA_TYPE: {
                "schema": schema_ref(Problem),
                "examples": {
                    kind: {"value": problem_document(kind, "…", "/v1/jobs", "req_0123").model_dump()} for kind in kinds
                },
            }
        },
        "headers": {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}},
    }


def response_headers(**described: str) -> dict[str, Any]:
    """Return response headers. Keyword: name with `_` for `-`; value: description."""
    named = {name.replace("_", "-"): text for name, text in described.items()}
    return {name: {"description": text, "schema": {"type": "string"}} for name, text in named.items()}


ACCEPTED_JOB: Responses = {
    201: {
        "description": "The job is accepted and will reach one terminal status.",
        "headers": response_headers(
            Location="URL of the job.",
            ETag="Version of the job.",
            Preference_Applied="The granted `wait=N`.",
            Idempotency_Replayed="`true` if the key was used before: the body is the earlier job's current state.",
        ),
    }
}

ACCEPTED_BATCH: Responses = {
    201: {
        "description": "All jobs are accepted; each will reach one terminal status.",
        "headers": response_headers(
            Location="URL of the batch.",
            Idempotency_Replayed="`true` if the key was used before: the body is the earlier batch's current state.",
        ),
    }
}
