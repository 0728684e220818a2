"""Parser of server-sent events, as specified by the HTML standard.

https://html.spec.whatwg.org/multipage/server-sent-events.html, "Interpreting an event stream".
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass

MEDIA_TYPE = "text/event-stream"

MAX_EVENT_CHARACTERS = 16 * 1024 * 1024
"""Largest event, in characters; renderq sends none that large."""

_LINE_END = re.compile("\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """One dispatched event."""

    name: str
    data: str
    id: str
    """Id of this event, or of the latest earlier one that had an id."""


class EventStreamParser:
    """Incremental parser: chunks may be split anywhere."""

    def __init__(self) -> None:
        self.retry_ms: int | None = None
        """Reconnection delay from the latest `retry` field."""
        # "utf-8-sig" drops a leading byte order mark; invalid UTF-8 becomes U+FFFD.
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._after_cr = False
        self._rest = ""
        self._name = ""
        self._data: list[str] = []
        self._size = 0
        self._id = ""

    def feed(self, chunk: bytes) -> Iterator[ServerSentEvent]:
        """Yield the events that these bytes complete. An unfinished event at the end of the stream is discarded.

        Raises `ValueError` for an event above `MAX_EVENT_CHARACTERS`.
        """
        text = self._decoder.decode(chunk)
        if text:
            # A line feed after a carriage return that already ended a line.
            text = text.removeprefix("\n") if self._after_cr else text
            self._after_cr = text.endswith("\r")
        *lines, self._rest = _LINE_END.split(self._rest + text)
        for line in lines:
            if event := self._read_line(line):
                yield event
        if self._size + len(self._rest) > MAX_EVENT_CHARACTERS:
            raise ValueError(f"an event has more than {MAX_EVENT_CHARACTERS:,} characters")

    def _read_line(self, line: str) -> ServerSentEvent | None:
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
                pass  # a comment or an unknown field
        return None

    def _dispatch(self) -> ServerSentEvent | None:
        name, data = self._name or "message", self._data
        self._name, self._data, self._size = "", [], 0
        return ServerSentEvent(name, "\n".join(data), self._id) if data else None
