"""HTTP protocol with limits on the size and time of a request's head (request line and headers).

Without them, one client could hold connections open by sending a byte at a time (Slowloris), or fill memory with
headers.
"""

import asyncio
from collections import Counter

from renderq_api.http.http_protocol import HttpProtocol
from renderq_api.http.request_head import RequestRefused

HEAD_BYTES = 64 << 10
"""Maximum size of the request line and headers."""

FIELD_BYTES = 32
"""Overhead added per header, as in HTTP/2 (RFC 9113, 6.5.2): many short headers cost memory, too."""

FIELD_VALUE_BYTES = 8 << 10
"""Maximum size of the request target, and of all headers of one name. Bounds what parsers of single headers cost."""

HEAD_S = 10.0
"""Time limit from the start of a connection, or of a further request on it, to the end of the head."""


class LimitedHttpProtocol(HttpProtocol):
    """One connection with a size and time limit for each request head."""

    _timer: asyncio.TimerHandle | None = None
    """Runs while a head is expected, or the rest of a body that no handler reads."""
    _received_bytes = 0
    """Bytes received since the head began."""
    _head_bytes = 0
    """Parsed size of the head, with `FIELD_BYTES` per header."""
    _value_bytes: Counter[bytes]
    """Sizes of the target, under an empty name, and of the headers of each name."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        expected = self._timer is not None
        if not expected and self.is_idle:
            self._start_timer()
        super().data_received(data)
        if expected and self._timer is not None and not self._is_draining():
            self._received_bytes += len(data)
            if self._received_bytes > HEAD_BYTES:
                self.refuse(_too_large())

    def refuse(self, refusal: RequestRefused) -> None:
        self._stop_timer()
        super().refuse(refusal)

    def on_message_begin(self) -> None:
        self._head_bytes, self._value_bytes = 0, Counter()
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._count(b"", len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(name.lower(), len(value), len(name) + FIELD_BYTES)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._stop_timer()
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.is_idle and self.cycle.more_body:
            self._start_timer()

    def _count(self, name: bytes, size: int, overhead: int = 0) -> None:
        """Add a value to the head's size. Raises `RequestRefused`, which makes the parser stop."""
        self._head_bytes += size + overhead
        self._value_bytes[name] += size
        if self._head_bytes > HEAD_BYTES:
            raise _too_large()
        if self._value_bytes[name] > FIELD_VALUE_BYTES:
            raise _too_long(name)

    def _is_draining(self) -> bool:
        """Return whether the rest of the body of an answered request arrives. It has a time limit but no size limit."""
        return self._current is not None and self.cycle.more_body

    def _start_timer(self) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(HEAD_S, self._time_out)

    def _stop_timer(self) -> None:
        self._received_bytes = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _time_out(self) -> None:
        self.refuse(RequestRefused(f"the request did not arrive within {HEAD_S:g} s", "408 Request Timeout"))


def _too_large() -> RequestRefused:
    detail = f"the request line and headers are larger than {HEAD_BYTES >> 10} KiB"
    return RequestRefused(detail, "431 Request Header Fields Too Large")


def _too_long(name: bytes) -> RequestRefused:
    maximum = f"larger than {FIELD_VALUE_BYTES >> 10} KiB"
    if not name:
        return RequestRefused(f"the request target is {maximum}", "414 URI Too Long")
    return RequestRefused(f"the header {name.decode()} is {maximum}", "431 Request Header Fields Too Large")
