"""uvicorn's HTTP, with the bounds that it lacks: a request's head is short and comes soon, or the connection ends.

Without them one client could hold any number of connections by a byte now and then, and fill the memory with headers.
"""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES = 64 << 10
"""Request line and headers."""

FIELD_BYTES = 32
"""What a header counts besides its letters, as in HTTP/2 (RFC 9113, 6.5.2): many short ones are costly too."""

HEAD_S = 10.0
"""From the beginning of a connection, or of a further request on it, to the end of the head."""

_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_TOO_LATE = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class LimitedHttpProtocol(HttpToolsProtocol):
    """One connection."""

    _timer: asyncio.TimerHandle | None = None
    """Set while a head is expected, or what is left of a body that nobody reads any more."""
    _bytes = 0
    _fields = 0
    _asked = False
    """Whether there has been a request; the latest one is `cycle`."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        expected = self._timer is not None
        if not expected and self._is_idle():
            self._expect()
        super().data_received(data)
        if expected and self._timer is not None and not self._is_draining():
            self._bytes += len(data)
            if self._bytes > HEAD_BYTES:
                self._end(_TOO_LARGE)

    def on_message_begin(self) -> None:
        self._fields = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + FIELD_BYTES)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._stop()
        super().on_headers_complete()
        self._asked = True

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.cycle.more_body:
            self._expect()

    def send_400_response(self, msg: str) -> None:
        if self._fields > HEAD_BYTES:
            self._end(_TOO_LARGE)
        else:
            super().send_400_response(msg)

    def _count(self, size: int) -> None:
        """Raises what makes the parser give up."""
        self._fields += size
        if self._fields > HEAD_BYTES:
            raise ValueError("the head is too large")

    def _is_idle(self) -> bool:
        return not self._asked or self.cycle.response_complete

    def _is_draining(self) -> bool:
        """The rest of a body comes in whose request is answered: it is no head, and has time alone as its bound."""
        return self._asked and self.cycle.more_body

    def _expect(self) -> None:
        self._stop()
        self._timer = self.loop.call_later(HEAD_S, self._end, _TOO_LATE)

    def _stop(self) -> None:
        self._bytes = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end(self, answer: bytes) -> None:
        self._stop()
        if not self.transport.is_closing():
            if self._is_idle():
                self.transport.write(answer)
            self.transport.close()
