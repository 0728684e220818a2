"""uvicorn's HTTP protocol with limits on the size and time of a request's head (request line and headers).

Without them, one client could hold connections open by sending a byte at a time (Slowloris), or fill memory with
headers.
"""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES = 64 << 10
"""Maximum size of the request line and headers."""

FIELD_BYTES = 32
"""Overhead added per header, as in HTTP/2 (RFC 9113, 6.5.2): many short headers cost memory, too."""

HEAD_S = 10.0
"""Time limit from the start of a connection, or of a further request on it, to the end of the head."""

_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_TIMED_OUT = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class LimitedHttpProtocol(HttpToolsProtocol):
    """One connection with a size and time limit for each request head."""

    _timer: asyncio.TimerHandle | None = None
    """Runs while a head is expected, or the rest of a body that no handler reads."""
    _received_bytes = 0
    """Bytes received since the head began."""
    _head_bytes = 0
    """Parsed size of the head, with `FIELD_BYTES` per header."""
    _has_request = False
    """True if a request has arrived on this connection; `cycle` is the latest."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        expected = self._timer is not None
        if not expected and self._is_idle():
            self._start_timer()
        super().data_received(data)
        if expected and self._timer is not None and not self._is_draining():
            self._received_bytes += len(data)
            if self._received_bytes > HEAD_BYTES:
                self._abort(_TOO_LARGE)

    def on_message_begin(self) -> None:
        self._head_bytes = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + FIELD_BYTES)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._stop_timer()
        super().on_headers_complete()
        self._has_request = True

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.cycle.more_body:
            self._start_timer()

    def send_400_response(self, msg: str) -> None:
        if self._head_bytes > HEAD_BYTES:
            self._abort(_TOO_LARGE)
        else:
            super().send_400_response(msg)

    def _count(self, size: int) -> None:
        """Add to the head's size. Raises `ValueError`, which makes the parser stop."""
        self._head_bytes += size
        if self._head_bytes > HEAD_BYTES:
            raise ValueError("the head is too large")

    def _is_idle(self) -> bool:
        return not self._has_request or self.cycle.response_complete

    def _is_draining(self) -> bool:
        """Return whether the rest of the body of an answered request arrives. It has a time limit but no size limit."""
        return self._has_request and self.cycle.more_body

    def _start_timer(self) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(HEAD_S, self._abort, _TIMED_OUT)

    def _stop_timer(self) -> None:
        self._received_bytes = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _abort(self, response: bytes) -> None:
        self._stop_timer()
        if not self.transport.is_closing():
            if self._is_idle():
                self.transport.write(response)
            self.transport.close()
