"""Span of a submission, to which all further spans of its jobs belong."""

from collections.abc import Generator
from contextlib import contextmanager

from renderq_api.http.problems import ApiProblem
from renderq_api.http.trace_context import current_traceparent
from renderq_shared.tracing import Span, Tracing


@contextmanager
def submission_span(tracing: Tracing, tenant: str) -> Generator[Span]:
    """Record the block as a span of the request's trace. A refusal is its error."""
    span = tracing.start("renderq.submit", current_traceparent(), {"renderq.tenant": tenant})
    try:
        yield span
    except ApiProblem as problem:
        span.end(problem.kind.value)
        raise
    except Exception as error:
        span.end(type(error).__name__)
        raise
    span.end()
