"""Spans, and tracing that is off."""

from collections.abc import Mapping
from typing import Protocol

Attributes = Mapping[str, str | int | float]


class Span(Protocol):
    """One operation of a trace, from its start to `end`."""

    @property
    def traceparent(self) -> str | None:
        """Name of the span for those that follow it; `None` without a trace."""
        ...

    def annotate(self, attributes: Attributes) -> None:
        """Add attributes that were not known at its start."""
        ...

    def end(self, error: str | None = None, end_ns: int | None = None) -> None:
        """End it, now or at a time since the epoch. `error`: why it failed."""
        ...


class Tracing(Protocol):
    """Spans of one process. Its methods are quick, and never wait for a collector."""

    def start(
        self, name: str, parent: str | None, attributes: Attributes | None = None, start_ns: int | None = None
    ) -> Span:
        """Start a span, now or at a time since the epoch. `parent`: its `traceparent`; `None` starts a trace."""
        ...

    def close(self) -> None:
        """Send what is left, for at most two seconds."""
        ...


class _NoSpan:
    """Passes the trace of the client on."""

    def __init__(self, parent: str | None) -> None:
        self.traceparent = parent

    def annotate(self, attributes: Attributes) -> None:
        """Nothing is recorded."""

    def end(self, error: str | None = None, end_ns: int | None = None) -> None:
        """Nothing is recorded."""


class _NoTracing:
    def start(
        self, name: str, parent: str | None, attributes: Attributes | None = None, start_ns: int | None = None
    ) -> Span:
        return _NoSpan(parent)

    def close(self) -> None:
        """Nothing is left."""


NO_TRACING: Tracing = _NoTracing()
"""Tracing that is off."""
