"""A job's events: one stream after the other, each beginning where the last one broke off, until the job is done."""

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
"""Seconds without a byte after which a stream is given up: the service gives a sign of life every 15 s, and a proxy
that lets none through holds all of it back."""

DEFAULT_RETRY_MS = 2_000
"""Pause before the next stream if the service has not said how long it should be."""


@dataclass(frozen=True, slots=True)
class JobEvent:
    """Something new about a job."""

    name: EventName
    """What is new: `status` (also the first event), `progress`, `output` (another picture), `preview` (if they are
    wanted); `done` is the last."""
    job: Job
    """The complete job, as it was then; in a `preview`, as it was told before."""
    preview: Preview | None = None
    """In a `preview`, what an image looks like so far."""


class _EventStream:
    """One connection's part of the events."""

    def __init__(self, emit: Callable[[JobEvent], None], job: Job | None = None) -> None:
        self._emit = emit
        self.job = job
        """As it was told last."""
        self._parser = EventStreamParser()
        self.last_id: str | None = None
        self.received = False
        """Whether anything came."""
        self.done = False
        self.fault: str | None = None
        """Why these are not the events of a job."""

    @property
    def retry_s(self) -> float:
        return (DEFAULT_RETRY_MS if self._parser.retry_ms is None else self._parser.retry_ms) / 1000

    def feed(self, chunk: bytes) -> bool:
        """Whether that was all."""
        self.received = True
        for event in self._read(chunk):
            self.done = event.name == "done"
            self._emit(event)
        return self.done or self.fault is not None

    def _read(self, chunk: bytes) -> Iterator[JobEvent]:
        try:
            for event in self._parser.feed(chunk):
                if event.name == "preview":
                    if self.job is not None:  # it always is: a stream begins with the job, unless we know it already
                        yield JobEvent("preview", self.job, Preview.model_validate_json(event.data))
                elif _is_known(event.name):
                    self.job, self.last_id = Job.model_validate_json(event.data), event.id
                    yield JobEvent(event.name, self.job)
        except ValueError as error:  # pydantic's own is one, too
            self.fault = f"not the events of a renderq job: {error}"


def stream_events(
    job_id: str,
    configuration: Configuration,
    emit: Callable[[JobEvent], None],
    *,
    max_retries: int,
    deadline: float = inf,
    previews: bool = False,
) -> Flow[None]:
    """Give `emit` every event up to `done`, or until `deadline` (on the monotonic clock).

    A stream that breaks off is taken up again after the pause that the service asked for, as often as it takes;
    `max_retries` bounds the attempts in a row that bring nothing. Raises `ConnectionFailed` and `APIError`, at once
    for an answer that is no event stream.
    """
    delay, fruitless = 0.0, 0
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
            fruitless, delay = 0, stream.retry_s * random.uniform(1.0, 1.5)  # not all clients at once
        else:
            pause = _pause(failure, fruitless, max_retries)
            if pause is None:
                raise failure
            fruitless, delay = fruitless + 1, pause


def _refusal(response: httpx2.Response, stream: _EventStream) -> ConnectionFailed | APIError:
    """What an answer that did not lead to `done` is if it was not a stream that broke off."""
    if response.status_code >= BAD_REQUEST:
        return api_error(response)
    if not is_event_stream(response):
        return unexpected_response(response, "an event stream was expected")
    if stream.fault:
        return unexpected_response(response, stream.fault)
    return ConnectionFailed(f"the event stream of {redact_url(response.request.url)} ended before it began")


def _pause(failure: ConnectionFailed | APIError, number: int, max_retries: int) -> float | None:
    if isinstance(failure, ConnectionFailed):
        return retry_delay(number, max_retries)
    return retry_delay(number, max_retries, failure.retry_after) if is_retried(failure.status) else None


def _is_known(name: str) -> TypeGuard[EventName]:
    """A newer service may tell more."""
    return name in get_args(EventName)
