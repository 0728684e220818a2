"""Whether traces are recorded: OpenTelemetry's own variables say so."""

from collections.abc import Mapping

import structlog

from renderq_shared.tracing.tracing import NO_TRACING, Tracing

log = structlog.get_logger(__name__)

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def open_tracing(environment: Mapping[str, str], service: str) -> Tracing:
    """Return tracing to the collector that the environment names; `NO_TRACING` if it names none.

    `service`: name of this kind of process in traces, unless the environment names another. Without the extra
    `renderq[otel]`, or with a variable that the SDK refuses, logs why there are no traces.
    """
    is_disabled = environment.get("OTEL_SDK_DISABLED", "").lower() == "true"
    if is_disabled or not any(environment.get(name) for name in _ENDPOINTS):
        return NO_TRACING
    try:
        from renderq_shared.tracing.otel import open_otel  # takes a tenth of a second to import
    except ImportError as error:
        log.warning("tracing.unavailable", reason=str(error), advice="install renderq[otel], or unset the endpoint")
        return NO_TRACING
    try:
        tracing = open_otel(service)
    except ValueError as error:
        log.warning(
            "tracing.unavailable", reason=str(error), advice="correct the variable of OpenTelemetry, or unset it"
        )
        return NO_TRACING
    log.info("tracing.enabled", service=service)
    return tracing
