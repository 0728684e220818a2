"""Event stream of a job, resumed after every disconnect until the job has ended."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import inf
from typing import TypeGuard, get_args

import httpx2

from renderq._config import Configuration
from renderq._core.flows import BAD_REQUEST, Flow, build_attempt, connection_error
from renderq._core.requests import stream_job_events
from renderq._core.responses import api_error, is_event_stream, redact_url, unexpected_response
from renderq._core.retries import is_retried, retry_delay
from renderq._core.sse import EventStreamParser
from renderq.contract import EventName, Job, Preview
from renderq.errors import APIError, ConnectionFailed

IDLE_TIMEOUT_S = 25.0
"""Seconds without a byte after which a stream is dropped. The service sends a comment every 15 s; if none arrives, a
proxy is buffering the stream."""

DEFAULT_RETRY_MS = 2_000
"""Pause before reconnecting if the service has sent no `retry` field."""


@dataclass(frozen=True, slots=True)
class JobEvent:
    """A change of a job."""

    name: EventName
    """Kind of change: `status` (also the first event), `progress`, `output` (a finished image), `preview` (if
    requested); `done` is the last."""
    job: Job
    """The complete job; in a `preview`, as of the previous event."""
    preview: Preview | None = None
    """The image in progress, in a `preview`."""


class _EventStream:
    """The events of one connection."""

    def __init__(self, emit: Callable[[JobEvent], None], job: Job | None = None) -> None:
        self._emit = emit
        self.job = job
        """The job of the latest event."""
        self._parser = EventStreamParser()
        self.last_id: str | None = None
        self.received = False
        """True if any bytes have arrived."""
        self.done = False
        self.fault: str | None = None
        """Reason why the stream is not a job's event stream."""

    @property
    def retry_s(self) -> float:
        return (DEFAULT_RETRY_MS if self._parser.retry_ms is None else self._parser.retry_ms) / 1000

    def feed(self, chunk: bytes) -> bool:
        """Parse a chunk and emit its events. Returns whether the stream is finished."""
        self.received = True
        for event in self._read(chunk):
            self.done = event.name == "done"
            self._emit(event)
        return self.done or self.fault is not None

    def _read(self, chunk: bytes) -> Iterator[JobEvent]:
        try:
            for event in self._parser.feed(chunk):
                if event.name == "preview":
                    if self.job is not None:  # always true: a stream starts with the job unless it is resumed
                        yield JobEvent("preview", self.job, Preview.model_validate_json(event.data))
                elif _is_known(event.name):
                    self.job, self.last_id = Job.model_validate_json(event.data), event.id
                    yield JobEvent(event.name, self.job)
        except ValueError as error:  # includes pydantic.ValidationError
            self.fault = f"not the event stream of a renderq job: {error}"


def stream_events(
    job_id: str,
    configuration: Configuration,
    emit: Callable[[JobEvent], None],
    *,
    max_retries: int,
    deadline: float = inf,
    previews: bool = False,
) -> Flow[None]:
    """Call `emit` with every event up to `done`, or until `deadline` (monotonic clock).

    A stream that breaks off is resumed after the pause that the service requests, any number of times; `max_retries`
    bounds consecutive attempts that deliver nothing. Raises `ConnectionFailed` and `APIError`, immediately for a
    response that is not an event stream.
    """
    delay, failures = 0.0, 0
    last_id: str | None = None
    job: Job | None = None
    while time.monotonic() + delay < deadline:
        stream = _EventStream(emit, job)
        attempt = build_attempt(stream_job_events(job_id, last_id, previews=previews), configuration, delay, deadline)
        attempt = replace(attempt, timeout=min(attempt.timeout, IDLE_TIMEOUT_S), on_chunk=stream.feed, cut_at=deadline)
        try:
            response = yield attempt
        except httpx2.RequestError as error:
            failure = connection_error(configuration, error)
        else:
            failure = _refusal(response, stream)
        if stream.done:
            return
        last_id, job = last_id if stream.last_id is None else stream.last_id, stream.job
        if stream.received and not stream.fault:
            # Jitter, so that clients do not reconnect in step.
            failures, delay = 0, stream.retry_s * random.uniform(1.0, 1.5)
        else:
            pause = _pause(failure, failures, max_retries)
            if pause is None:
                raise failure
            failures, delay = failures + 1, pause


def _refusal(response: httpx2.Response, stream: _EventStream) -> ConnectionFailed | APIError:
    """Return the error for a response that did not end with `done`."""
    if response.status_code >= BAD_REQUEST:
        return api_error(response)
    if not is_event_stream(response):
        return unexpected_response(response, "an event stream was expected")
    if stream.fault:
        return unexpected_response(response, stream.fault)
    return ConnectionFailed(f"the event stream of {redact_url(response.request.url)} ended without any data")


def _pause(failure: ConnectionFailed | APIError, number: int, max_retries: int) -> float | None:
    if isinstance(failure, ConnectionFailed):
        return retry_delay(number, max_retries)
    return retry_delay(number, max_retries, failure.retry_after) if is_retried(failure.status) else None


def _is_known(name: str) -> TypeGuard[EventName]:
    """Return whether this version knows the event; a newer service may send others."""
    return name in get_args(EventName)
