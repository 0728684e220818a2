"""Tracing by the SDK of OpenTelemetry. It sends spans from a thread of its own, and drops them if nobody takes them."""

import logging
import threading
from collections.abc import Sequence

import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Span as OtelSpan
from opentelemetry.trace import Status, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from renderq.version import version
from renderq_shared.outage import Outage
from renderq_shared.tracing.spans import Attributes, Span

log = structlog.get_logger(__name__)

_CLOSE_TIMEOUT_S = 2.0
"""Time for the last spans, if the collector does not answer."""

_HEADER = "traceparent"

_PROPAGATOR = TraceContextTextMapPropagator()


def open_otel(service: str, exporter: SpanExporter | None = None) -> "OtelTracing":
    """Return tracing to `exporter`; by default, as the variables `OTEL_…` say."""
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # its errors repeat for as long as an outage lasts
    resource = Resource.create({"service.name": service, "service.version": version()})
    resource = resource.merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(_LoggedExporter(exporter or OTLPSpanExporter())))
    return OtelTracing(provider)


class _LoggedExporter(SpanExporter):
    """Logs once that a collector does not take spans."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._outage = Outage()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        try:
            result, reason = self._exporter.export(spans), "the collector does not take spans"
        except Exception as error:  # such as a file of certificates that does not exist
            result, reason = SpanExportResult.FAILURE, str(error)
        if result is SpanExportResult.SUCCESS:
            if self._outage.end():
                log.info("tracing.available")
        elif self._outage.has_new_cause(reason):
            log.warning("tracing.unavailable", reason=f"{reason}; spans are dropped")
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


class OtelTracing:
    """`Tracing` by a provider of the SDK."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("renderq", version())

    def start(
        self, name: str, parent: str | None, attributes: Attributes | None = None, start_ns: int | None = None
    ) -> Span:
        context = _PROPAGATOR.extract({_HEADER: parent}) if parent else None
        return _Span(self._tracer.start_span(name, context, attributes=dict(attributes or {}), start_time=start_ns))

    def close(self) -> None:
        closing = threading.Thread(target=self._provider.shutdown, name="tracing", daemon=True)
        closing.start()
        closing.join(_CLOSE_TIMEOUT_S)


class _Span:
    def __init__(self, span: OtelSpan) -> None:
        self._span = span

    @property
    def traceparent(self) -> str | None:
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier, set_span_in_context(self._span))
        return carrier.get(_HEADER)

    def annotate(self, attributes: Attributes) -> None:
        self._span.set_attributes(attributes)

    def end(self, error: str | None = None, end_ns: int | None = None) -> None:
        if error is not None:
            self._span.set_status(Status(StatusCode.ERROR, error))
        self._span.end(end_ns)
