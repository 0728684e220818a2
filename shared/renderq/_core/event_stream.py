"""An event stream that is opened again whenever it breaks off."""

import random
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Generic, Protocol, TypeVar

import httpx2

from renderq._config import Configuration
from renderq._core.flows import BAD_REQUEST, Flow, build_attempt, connection_error
from renderq._core.requests import Request
from renderq._core.responses import api_error, is_event_stream, redact_url, unexpected_response
from renderq._core.retries import Retries
from renderq._core.sse import EventStreamParser, ServerSentEvent
from renderq.errors import APIError, ConnectionFailed

IDLE_TIMEOUT_S = 25.0
"""Seconds without a byte after which a stream is dropped. The service sends a comment every 15 s; if none arrives, a
proxy is buffering the stream."""

DEFAULT_RETRY_MS = 2_000
"""Pause before reconnecting if the service has sent no `retry` field."""


Event = TypeVar("Event")


class EventReader(Protocol[Event]):
    """Reads the events of one resource, over any number of connections."""

    def request(self) -> Request[httpx2.Response]:
        """Return the request that opens the stream, or opens it again."""
        ...

    def parse(self, event: ServerSentEvent) -> Event | None:
        """Parse one event; `None` for one that this version does not know. Raises `ValueError`."""
        ...

    def emit(self, event: Event) -> bool:
        """Pass an event on to the caller, and return whether it is the last."""
        ...


class Connection(Generic[Event]):
    """The events of one connection."""

    def __init__(self, reader: EventReader[Event]) -> None:
        self._reader = reader
        self._parser = EventStreamParser()
        self.received = False
        """True if any bytes have arrived."""
        self.done = False
        self.fault: str | None = None
        """Reason why the stream is not the expected one."""

    @property
    def retry_s(self) -> float:
        return (DEFAULT_RETRY_MS if self._parser.retry_ms is None else self._parser.retry_ms) / 1000

    def feed(self, chunk: bytes) -> bool:
        """Parse a chunk and emit its events. Returns whether the stream is finished."""
        self.received = True
        for event in self._parse(chunk):
            self.done = self._reader.emit(event)
        return self.done or self.fault is not None

    def _parse(self, chunk: bytes) -> Iterator[Event]:
        try:
            for event in self._parser.feed(chunk):
                if (parsed := self._reader.parse(event)) is not None:
                    yield parsed
        except ValueError as error:  # includes pydantic.ValidationError
            self.fault = f"not an event stream of renderq: {error}"


def read_events(reader: EventReader[Event], configuration: Configuration, retries: Retries) -> Flow[None]:
    """Read events up to the last one, or until the deadline of `retries`.

    A stream that breaks off is opened again after the pause that the service requests, any number of times. `retries`
    bounds attempts in a row that deliver nothing; if they get responses without data, there are `max_retries` at most.
    Raises `ConnectionFailed` and `APIError`, immediately for a response that is not an event stream.
    """
    delay = 0.0
    deadline = retries.deadline.at
    while True:
        connection = Connection(reader)
        attempt = build_attempt(reader.request(), configuration, delay, deadline)
        timeout = min(attempt.timeout, IDLE_TIMEOUT_S)
        attempt = replace(attempt, timeout=timeout, on_chunk=connection.feed, cut_at=deadline)
        is_empty = False
        try:
            response = yield attempt
        except httpx2.RequestError as error:
            failure = connection_error(configuration, attempt, error)
        else:
            failure = _refusal(response, connection)
            is_empty = is_event_stream(response)
        if connection.done:
            return
        if connection.received and not connection.fault:
            retries.reset()
            # Jitter, so that clients do not reconnect in step.
            delay = connection.retry_s * random.uniform(1.0, 1.5)
            if time.monotonic() + delay >= deadline:
                return
        else:
            delay = retries.pause(failure, configuration.max_retries if is_empty else None)


def _refusal(response: httpx2.Response, connection: Connection[Event]) -> ConnectionFailed | APIError:
    """Return the error for a response that ended before the last event."""
    if response.status_code >= BAD_REQUEST:
        return api_error(response)
    if not is_event_stream(response):
        return unexpected_response(response, "an event stream was expected")
    if connection.fault:
        return unexpected_response(response, connection.fault)
    return ConnectionFailed(f"the event stream of {redact_url(response.request.url)} ended without any data")
