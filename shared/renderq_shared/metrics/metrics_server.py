"""HTTP server of one page, `/metrics`, on a port of its own, for scrapers inside a trusted network."""

import socket
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, disable_created_metrics, generate_latest

from renderq_shared.errors import MetricsAddressUnavailable
from renderq_shared.outage import Outage
from renderq_shared.threads import SupervisedThread

log = structlog.get_logger(__name__)

CONTENT_TYPE = CONTENT_TYPE_LATEST

_TIMEOUT_S = 10.0
"""Time that a client may take to send its request."""

_PATHS = frozenset({"/metrics", "/metrics/"})


def new_registry() -> CollectorRegistry:
    """Return an empty registry. Its metrics have no series `_created`, which would double their number."""
    disable_created_metrics()
    return CollectorRegistry()


def render(registry: CollectorRegistry) -> bytes:
    """Return all metrics of a registry in Prometheus' text format."""
    return generate_latest(registry)


class MetricsServer:
    """Answers scrapers on threads of its own."""

    def __init__(self, host: str, port: int, page: Callable[[], bytes]) -> None:
        """Listen. `page` is called for each scrape, on any thread. Raises `MetricsAddressUnavailable`."""
        try:
            family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
            self._server = _server_class(family)((host, port), _handler(page))
        except OSError as error:
            raise MetricsAddressUnavailable(
                f"cannot listen on {host}:{port} for metrics: {error.strerror}; set RENDERQ_METRICS_PORT and "
                "RENDERQ_METRICS_HOST to a free address of this machine"
            ) from error
        self.port: int = self._server.server_address[1]
        self._thread = SupervisedThread("metrics", self._server.serve_forever)
        self._thread.start()
        log.info("metrics.served", host=host, port=self.port)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _server_class(family: int) -> type[ThreadingTCPServer]:
    class Server(ThreadingTCPServer):  # `HTTPServer` would ask the DNS for the name of its address
        address_family = family
        allow_reuse_address = True
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that hangs up is no error of ours."""

    return Server


def _handler(page: Callable[[], bytes]) -> type[BaseHTTPRequestHandler]:
    outage = Outage()

    class Handler(BaseHTTPRequestHandler):
        timeout = _TIMEOUT_S
        server_version = "renderq"
        sys_version = ""

        def do_GET(self) -> None:
            if self.path.partition("?")[0] not in _PATHS:
                self.send_error(404, "Only /metrics is served here.")
                return
            try:
                body = page()
            except Exception as error:
                if outage.has_new_cause(error):
                    log.exception("metrics.failed")
                self.send_error(503, "The log says why there are no metrics.")
                return
            outage.end()
            self.send_response(200)
            self.send_header("Content-Type", CONTENT_TYPE)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Scrapes are not logged: there is one every few seconds."""

    return Handler
