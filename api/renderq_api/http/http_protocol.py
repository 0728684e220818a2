"""uvicorn's HTTP protocol, corrected where it departs from HTTP/1.1 (RFC 9112).

- A request that offers an upgrade keeps its body: the offer is ignored, because nothing else is spoken here.
- A response to HTTP/1.0 is not chunked: the end of the connection ends it.
- A client that has closed its sending side still gets its responses.
- Trailers are not taken for headers.
- An encoded slash in a path is part of a segment.
- The response to a request that cannot be read follows those of the requests before it.
"""

import asyncio
import re
from typing import Any, cast
from urllib.parse import unquote

import httptools
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from renderq_api.http.request_head import RequestRefused, check_head, origin_form, refusal_of

_MAX_PIPELINED = 100
"""Maximum number of requests of a connection that wait for the one before them."""

_ENCODED_SLASH = re.compile("%(?=2f)", re.IGNORECASE)

_FRAMING = frozenset({b"connection", b"content-length", b"transfer-encoding"})

_INPUT_END = "renderq.input_end"


def input_end(scope: Scope) -> asyncio.Event:
    """Return an event that is set when the client closes its sending side.

    The client may have hung up, or only send no more: TCP tells the difference once something is sent to it.
    """
    return scope.setdefault("extensions", {}).setdefault(_INPUT_END, asyncio.Event())


class HttpProtocol(HttpToolsProtocol):
    """One connection of a client."""

    _current: RequestResponseCycle | None = None
    """The request that is being answered, or was last. `cycle` is the newest; it may wait in `pipeline`."""
    _refusal: bytes | None = None
    """Response that ends the connection, after the responses before it."""
    _is_half_closed = False
    """The client has closed its sending side."""
    _repeats_head = False
    """The parser is reading the head of the newest request again."""
    _is_in_body = False
    """The head of the newest request is complete: header fields are now trailers, which nothing here defines."""

    @property
    def is_idle(self) -> bool:
        """Whether no response is due."""
        return self._current is None or self._current.response_complete

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._current is not None and not self._current.response_complete:
            self._current.disconnected = True
            self._current.message_event.set()

    def eof_received(self) -> bool:  # type: ignore[override]
        """Return whether the connection stays open: while a request that has arrived whole is being answered."""
        self._is_half_closed = not self.is_idle and (self._refusal is not None or not self.cycle.more_body)
        if self._is_half_closed and self._current is not None:
            input_end(cast(Scope, self._current.scope)).set()
        return self._is_half_closed

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        if self._refusal is not None:
            return
        try:
            self._parse(memoryview(data))
        except httptools.HttpParserError as error:
            refusal = refusal_of(error)
            self.logger.warning("Refused a request: %s.", refusal.reason)
            self.refuse(refusal)

    def refuse(self, refusal: RequestRefused) -> None:
        """Respond to a request that cannot be read, after the requests before it, and close the connection."""
        text = f"{refusal.reason[0].upper()}{refusal.reason[1:]}.\n"
        self._refusal = (
            f"HTTP/1.1 {refusal.status}\r\ncontent-type: text/plain; charset=utf-8\r\n"
            f"content-length: {len(text)}\r\nconnection: close\r\n\r\n{text}"
        ).encode()
        if self.pipeline and self.cycle.more_body:
            self.pipeline.popleft()  # the newest request is the one whose body cannot be read
        elif self.is_idle:
            self._end()
        elif self.cycle.more_body:
            self._end(is_sendable=not self.cycle.response_started)

    def on_message_begin(self) -> None:
        if not self._repeats_head:
            self._is_in_body = False
            super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        if not self._repeats_head:
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._repeats_head and not self._is_in_body:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._repeats_head:
            return
        self._is_in_body = True
        version = self.parser.get_http_version()
        check_head(self.parser.get_method(), version, self.url, self.headers)
        self.url = origin_form(self.url)
        if len(self.pipeline) >= _MAX_PIPELINED:
            raise RequestRefused("too many requests wait for the ones before them", "429 Too Many Requests")
        if version == "1.0":
            self.expect_100_continue = False  # RFC 9110, 10.1.1
        super().on_headers_complete()
        self.scope["path"] = unquote(_ENCODED_SLASH.sub("%25", self.scope["raw_path"].decode("ascii")))

    def on_message_complete(self) -> None:
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.is_idle and (self._refusal is not None or self._is_half_closed):
            self._end()

    def _parse(self, data: memoryview) -> None:
        while True:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                data = data[upgrade.args[0] :]
                self._ignore_upgrade()
            else:
                return

    def _ignore_upgrade(self) -> None:
        """Replace the parser, which has stopped after the head, by one that expects the request's body."""
        framing = [b"%s: %s\r\n" % (name, value) for name, value in self.headers if name in _FRAMING]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._repeats_head = True
        self.parser.feed_data(b"".join([b"POST / HTTP/1.1\r\n", *framing, b"\r\n"]))
        self._repeats_head = False

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._current = cycle
        if self._is_half_closed:
            input_end(cast(Scope, cycle.scope)).set()
        super()._start_asgi_task(cycle, _without_chunks(app, cycle) if cycle.scope["http_version"] == "1.0" else app)

    def _end(self, *, is_sendable: bool = True) -> None:
        if not self.transport.is_closing():
            if self._refusal is not None and is_sendable:
                self.transport.write(self._refusal)
            self.transport.close()


def _without_chunks(app: ASGIApp, cycle: RequestResponseCycle) -> Any:
    """Return an app whose responses of unknown length are ended by the end of the connection (RFC 9112, 6.3)."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        has_length = False

        async def send_unchunked(message: Message) -> None:
            nonlocal has_length
            if message["type"] == "http.response.start":
                has_length = any(name.lower() == b"content-length" for name, _ in message["headers"])
                if not has_length:
                    cycle.chunked_encoding = False
            elif not has_length:
                cycle.expected_content_length = len(message.get("body", b""))
            await send(message)

        await app(scope, receive, send_unchunked)

    return answer
