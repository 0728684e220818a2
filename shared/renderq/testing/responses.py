"""Problem documents and server-sent events."""

from collections.abc import Iterable

from renderq.contract import PROBLEMS, FieldError, Job, Problem, ProblemKind
from renderq.contract.problems import TYPE_PREFIX
from renderq.testing.http_server import FakeResponse


def problem(
    kind: ProblemKind | str, detail: str = "", *, retry_after: float | None = None, errors: Iterable[FieldError] = ()
) -> FakeResponse:
    """Return a problem document of this kind, with its status and title.

    `retry_after`: seconds in the `Retry-After` header. Raises `ValueError` for an unknown kind.
    """
    kind = ProblemKind(kind)
    definition = PROBLEMS[kind]
    document = Problem(
        type=TYPE_PREFIX + kind,
        title=definition.title,
        status=definition.status,
        detail=detail or definition.title,
        instance="/v1",
        code=kind,
        retryable=definition.retryable,
        request_id="req_fake",
        errors=tuple(errors),
    )
    headers = {} if retry_after is None else {"Retry-After": f"{retry_after:.0f}"}
    return FakeResponse(definition.status, document, {"Content-Type": "application/problem+json", **headers})


def format_event(name: str, job: Job) -> bytes:
    """Format a server-sent event with a job."""
    return f"event: {name}\nid: {job.version}\ndata: {job.model_dump_json()}\n\n".encode()


def format_tenant_event(name: str, data: str) -> bytes:
    """Format a server-sent event of a tenant's stream."""
    return f"event: {name}\ndata: {data}\n\n".encode()
