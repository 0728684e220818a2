"""Tracing on and off: nothing is imported while it is off, and a dead collector holds up nothing."""

import subprocess
import sys
from collections.abc import Sequence

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from structlog.testing import capture_logs

from renderq.version import version
from renderq_shared.tracing import NO_TRACING, open_tracing
from renderq_shared.tracing.otel import open_otel
from tests.valkey_server import free_port

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_without_an_endpoint_nothing_is_imported() -> None:
    program = (
        "import sys, renderq_api.cli, renderq_api.services, renderq_shared.tracing as tracing\n"
        "assert tracing.open_tracing({}, 'test') is tracing.NO_TRACING\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry.exporter') or name.endswith('.otel')])"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_off_passes_the_trace_of_the_client_on() -> None:
    span = NO_TRACING.start("renderq.submit", PARENT)
    span.end("refused")
    assert span.traceparent == PARENT
    assert NO_TRACING.start("renderq.submit", None).traceparent is None


@pytest.mark.parametrize("variable", ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"])
def test_an_endpoint_turns_it_on_and_the_sdks_own_switch_off(variable: str) -> None:
    environment = {variable: "http://127.0.0.1:4318"}
    tracing = open_tracing(environment, "renderq-api")
    tracing.close()
    assert tracing is not NO_TRACING
    assert open_tracing({**environment, "OTEL_SDK_DISABLED": "true"}, "renderq-api") is NO_TRACING


def test_without_the_extra_it_stays_off_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "renderq_shared.tracing.otel", None)
    with capture_logs() as logs:
        assert open_tracing({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, "renderq-api") is NO_TRACING
    assert [(each["event"], "renderq[otel]" in each["advice"]) for each in logs] == [("tracing.unavailable", True)]


def test_a_variable_that_the_sdk_refuses_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "many")
    with capture_logs() as logs:
        assert open_tracing({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, "renderq-api") is NO_TRACING
    [record] = logs
    assert record["event"] == "tracing.unavailable"
    assert "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT" in record["reason"]


@pytest.mark.parametrize("variable", ["OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"])
def test_another_protocol_is_refused_in_the_log(variable: str) -> None:
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4317"}
    with capture_logs() as logs:
        assert open_tracing({**environment, variable: "grpc"}, "renderq-api") is NO_TRACING
    assert [(each["event"], "grpc" in each["reason"]) for each in logs] == [("tracing.unavailable", True)]
    tracing = open_tracing({**environment, variable: "http/protobuf"}, "renderq-api")
    tracing.close()
    assert tracing is not NO_TRACING


def test_the_environment_may_name_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "gallery")
    exporter = InMemorySpanExporter()
    tracing = open_otel("renderq-api", exporter)
    tracing.start("renderq.queued", None).end()
    tracing.close()
    [span] = exporter.get_finished_spans()
    assert span.resource.attributes["service.name"] == "gallery"
    assert span.resource.attributes["service.version"] == version()


def test_a_span_belongs_to_the_trace_that_the_header_names() -> None:
    exporter = InMemorySpanExporter()
    tracing = open_otel("renderq-api", exporter)
    span = tracing.start("renderq.queued", PARENT, {"renderq.model": "shapes"}, start_ns=1_000)
    follower = tracing.start("renderq.denoise", span.traceparent)
    follower.end("nan_output")
    span.end(end_ns=5_000)
    tracing.close()
    second, first = exporter.get_finished_spans()
    assert (first.start_time, first.end_time, first.attributes["renderq.model"]) == (1_000, 5_000, "shapes")
    assert f"{first.context.trace_id:032x}" == f"{second.context.trace_id:032x}" == PARENT.split("-")[1]
    assert f"{first.parent.span_id:016x}" == PARENT.split("-")[2]
    assert second.parent.span_id == first.context.span_id
    assert second.status.description == "nan_output"
    assert first.resource.attributes["service.name"] == "renderq-api"


def test_a_dead_collector_is_logged_once_and_ends_nothing() -> None:
    exporter = OTLPSpanExporter(endpoint=f"http://127.0.0.1:{free_port()}/v1/traces", timeout=0.2)
    tracing = open_otel("renderq-api", exporter)
    with capture_logs() as logs:
        for _ in range(5_000):  # more than its queue holds
            tracing.start("renderq.queued", PARENT).end()
        tracing.close()
    assert [each["event"] for each in logs] == ["tracing.unavailable"]


class UnusableExporter(InMemorySpanExporter):
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        raise OSError("no such file: ca.pem")


def test_an_exporter_that_raises_is_logged_with_its_error() -> None:
    tracing = open_otel("renderq-api", UnusableExporter())
    with capture_logs() as logs:
        tracing.start("renderq.queued", PARENT).end()
        tracing.close()
    [record] = logs
    assert record["event"] == "tracing.unavailable"
    assert "ca.pem" in record["reason"]
