"""Trace of the current request, as its header `traceparent` names it."""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

from renderq_shared.tracing import parse_traceparent

_current: ContextVar[str | None] = ContextVar("traceparent", default=None)


@contextmanager
def traced_request(header: str | None) -> Generator[None]:
    """Make a header that is valid the trace of everything within the block."""
    token = _current.set(parse_traceparent(header))
    try:
        yield
    finally:
        _current.reset(token)


def current_traceparent() -> str | None:
    """Return the trace of the current request; `None` if its client sent none."""
    return _current.get()
