"""Flows: generators that yield HTTP attempts and receive their responses.

A flow does no I/O. The sync and the async driver perform its attempts, so `Client` and `AsyncClient` share all logic.
"""

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from math import inf
from typing import Generic, TypeAlias, TypeVar

import httpx2

from renderq._config import Configuration
from renderq._core.requests import Request
from renderq._core.responses import api_error, redact_url
from renderq._core.retries import is_retried, retry_delay
from renderq.errors import ConnectionFailed

T = TypeVar("T")

BAD_REQUEST = 400
DEADLINE_GRACE_S = 5.0
"""Seconds by which a silent service may exceed a deadline."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One HTTP request, sent after `delay` seconds. Redirects are not followed."""

    delay: float
    method: str
    url: httpx2.URL
    headers: dict[str, str]
    body: object | None
    """JSON."""
    file: bytes | None
    """The single file of a multipart form."""
    timeout: float
    """Seconds without a byte after which the attempt fails."""
    on_chunk: Callable[[bytes], bool] | None = None
    """Called with every chunk of an event stream. Returns whether to stop reading."""
    cut_at: float = inf
    """Monotonic time at which an event stream is cut off, as if the connection had dropped."""


Flow: TypeAlias = Generator[Attempt, httpx2.Response, T]
"""Yields attempts, receives responses (or an `httpx2.RequestError`, thrown in), returns a result."""


class FlowRun(Generic[T]):
    """State of a running flow for its driver: the current attempt, finally the result."""

    def __init__(self, flow: Flow[T]) -> None:
        self._flow = flow
        self.attempt: Attempt | None = None
        """The attempt to perform; `None` once the flow has its result."""
        self.result: T
        self._step(lambda: next(flow))

    def receive(self, response: httpx2.Response) -> None:
        self._step(lambda: self._flow.send(response))

    def fail(self, error: httpx2.RequestError) -> None:
        self._step(lambda: self._flow.throw(error))

    def _step(self, advance: Callable[[], Attempt]) -> None:
        try:
            self.attempt = advance()
        except StopIteration as end:
            self.attempt, self.result = None, end.value


def perform(request: Request[T], configuration: Configuration, delay: float = 0.0, deadline: float = inf) -> Flow[T]:
    """Perform one call with its retries, the first attempt after `delay` seconds.

    No attempt starts after `deadline` (monotonic clock). Raises `ConnectionFailed` and `APIError`.
    """
    number = 0
    while True:
        try:
            response = yield build_attempt(request, configuration, delay, deadline)
        except httpx2.RequestError as error:
            failure = connection_error(configuration, error)
            retry_after = None
        else:
            if response.status_code < BAD_REQUEST:
                return request.parse(response)
            failure = api_error(response)
            if not is_retried(failure.status):
                raise failure
            retry_after = failure.retry_after
        pause = retry_delay(number, configuration.max_retries, retry_after)
        if pause is None or time.monotonic() + pause > deadline:
            raise failure
        number, delay = number + 1, pause


def build_attempt(request: Request[T], configuration: Configuration, delay: float, deadline: float) -> Attempt:
    """Build the HTTP attempt of a request. All attempts of a request are equal."""
    url = configuration.url(request.url)
    headers = {"Accept": "application/json", **request.headers}
    if configuration.api_key and configuration.is_same_origin(url):
        headers["Authorization"] = f"Bearer {configuration.api_key}"
    return Attempt(
        delay=delay,
        method=request.method,
        url=url,
        headers=headers,
        body=request.body,
        file=request.file,
        timeout=min(
            configuration.timeout + request.server_wait, deadline - time.monotonic() - delay + DEADLINE_GRACE_S
        ),
    )


def connection_error(configuration: Configuration, error: httpx2.RequestError) -> ConnectionFailed:
    """Convert a transport error to `ConnectionFailed`."""
    reason = str(error) or type(error).__name__
    failure = ConnectionFailed(f"no response from {redact_url(configuration.base_url)}: {reason}")
    failure.__cause__ = error
    return failure
