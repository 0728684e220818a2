"""Whether traces are recorded: OpenTelemetry's own variables say so."""

from collections.abc import Mapping

import structlog

from renderq_shared.tracing.spans import NO_TRACING, Tracing

log = structlog.get_logger(__name__)

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")

_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_HTTP = "http/protobuf"


def open_tracing(environment: Mapping[str, str], service: str) -> Tracing:
    """Return tracing to the collector that the environment names; `NO_TRACING` if it names none.

    `service`: name of this kind of process in traces, unless the environment names another. Without the extra
    `renderq[otel]`, or with variables that cannot be followed, logs why there are no traces.
    """
    is_disabled = environment.get("OTEL_SDK_DISABLED", "").lower() == "true"
    if is_disabled or not any(environment.get(name) for name in _ENDPOINTS):
        return NO_TRACING
    protocol = next((environment[name] for name in _PROTOCOLS if environment.get(name)), _HTTP)
    if protocol != _HTTP:
        return _no_tracing(
            f"spans are sent by {_HTTP}, not by {protocol}",
            f"name the collector's address for HTTP as the endpoint, and {_HTTP} as the protocol",
        )
    try:
        from renderq_shared.tracing.otel import open_otel  # takes a tenth of a second to import
    except ImportError as error:
        return _no_tracing(str(error), "install renderq[otel], or unset the endpoint")
    try:
        tracing = open_otel(service)
    except ValueError as error:
        return _no_tracing(str(error), "correct the variable of OpenTelemetry, or unset it")
    log.info("tracing.enabled", service=service)
    return tracing


def _no_tracing(reason: str, advice: str) -> Tracing:
    log.warning("tracing.unavailable", reason=reason, advice=advice)
    return NO_TRACING
