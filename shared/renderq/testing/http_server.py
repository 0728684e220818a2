"""Threaded HTTP server around a function: request → response."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pydantic import BaseModel


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """A received request."""

    method: str
    path: str
    """Path with query."""
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, parsed. Raises `ValueError`."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class FakeResponse:
    """A response to send."""

    status: int = 200
    body: bytes | dict[str, Any] | BaseModel = b""
    """Bytes are sent unchanged, everything else as JSON."""
    headers: dict[str, str] = field(default_factory=dict[str, str])
    stream: Callable[[], Iterator[bytes]] | None = None
    """Chunks sent after `body`; the connection is closed after the last one."""

    @property
    def payload(self) -> bytes:
        """The bytes of `body`."""
        if isinstance(self.body, BaseModel):
            return self.body.model_dump_json().encode()
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


DROPPED = FakeResponse(status=0)
"""Closes the connection without a response."""


class HttpServer:
    """HTTP server on a free port of 127.0.0.1."""

    def __init__(self, respond: Callable[[ReceivedRequest], FakeResponse]) -> None:
        self._server = _Server(("127.0.0.1", 0), _handler(respond))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    request_queue_size = 128


def _handler(respond: Callable[[ReceivedRequest], FakeResponse]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle(self) -> None:
            with contextlib.suppress(ConnectionError):  # the client has closed its end
                super().handle()

        def respond(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            response = respond(ReceivedRequest(self.command, self.path, dict(self.headers.items()), body))
            if response is DROPPED:
                self.close_connection = True
                return
            payload = response.payload
            framing = {"Connection": "close"} if response.stream else {"Content-Length": str(len(payload))}
            self.send_response(response.status)
            for name, value in (framing | response.headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(payload)
            for chunk in response.stream() if response.stream else ():
                self.wfile.write(chunk)
                self.wfile.flush()

        do_GET = do_POST = do_DELETE = respond  # noqa: N815 — the names that http.server calls

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
