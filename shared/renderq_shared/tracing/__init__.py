"""Traces of jobs: spans of one job in several processes, for OpenTelemetry. Off, and free, unless an endpoint is set.

traceparent  the header that names a trace, of W3C Trace Context
spans        spans, and tracing that is off
otel         tracing by the SDK of OpenTelemetry, which only this module imports, and only if tracing is on
settings     whether it is on
"""

from renderq_shared.tracing.settings import open_tracing
from renderq_shared.tracing.spans import NO_TRACING, Span, Tracing
from renderq_shared.tracing.traceparent import parse_traceparent

__all__ = ["NO_TRACING", "Span", "Tracing", "open_tracing", "parse_traceparent"]
