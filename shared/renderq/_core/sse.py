"""Bytes → server-sent events, as the HTML standard reads them.

https://html.spec.whatwg.org/multipage/server-sent-events.html, "Interpreting an event stream".
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass

MEDIA_TYPE = "text/event-stream"

MAX_EVENT_CHARACTERS = 16 * 1024 * 1024
"""Characters of one event; whoever sends more is not renderq."""

_LINE_END = re.compile("\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """One event as it was dispatched."""

    name: str
    data: str
    id: str
    """Of this event, or of the last one before it that had any."""


class EventStreamParser:
    """Fed with the bytes as they come, however they are cut."""

    def __init__(self) -> None:
        self.retry_ms: int | None = None
        """How long the sender wants a client to wait before it connects again, once it has said so."""
        # "utf-8-sig" drops one byte order mark at the beginning; what is no UTF-8 becomes U+FFFD.
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._after_cr = False
        self._rest = ""
        self._name = ""
        self._data: list[str] = []
        self._size = 0
        self._id = ""

    def feed(self, chunk: bytes) -> Iterator[ServerSentEvent]:
        """The events that these bytes complete. An event that the stream's end cuts short never comes.

        Raises `ValueError` for an event that is larger than any of renderq's.
        """
        text = self._decoder.decode(chunk)
        if text:
            # The line feed after a carriage return that ended a line already.
            text = text.removeprefix("\n") if self._after_cr else text
            self._after_cr = text.endswith("\r")
        *lines, self._rest = _LINE_END.split(self._rest + text)
        for line in lines:
            if event := self._take(line):
                yield event
        if self._size + len(self._rest) > MAX_EVENT_CHARACTERS:
            raise ValueError(f"an event has more than {MAX_EVENT_CHARACTERS:,} characters")

    def _take(self, line: str) -> ServerSentEvent | None:
        if not line:
            return self._dispatch()
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        self._size += len(line)
        match field:
            case "event":
                self._name = value
            case "data":
                self._data.append(value)
            case "id" if "\0" not in value:
                self._id = value
            case "retry" if value.isascii() and value.isdigit():
                self.retry_ms = int(value)
            case _:
                pass  # a comment, or a field of another time
        return None

    def _dispatch(self) -> ServerSentEvent | None:
        name, data = self._name or "message", self._data
        self._name, self._data, self._size = "", [], 0
        return ServerSentEvent(name, "\n".join(data), self._id) if data else None
