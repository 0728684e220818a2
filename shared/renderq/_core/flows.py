"""A flow asks for attempts and is sent their responses; whoever drives it does the waiting and the sending.

That is how `Client` and `AsyncClient` share everything but the input and output itself.
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
"""Seconds by which a service that says nothing may exceed a deadline."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """Wait `delay` seconds, then send this; redirects are not followed."""

    delay: float
    method: str
    url: httpx2.URL
    headers: dict[str, str]
    body: object | None
    """JSON."""
    file: bytes | None
    """The one file of a form."""
    timeout: float
    """Seconds without a byte after which the attempt has failed."""
    on_chunk: Callable[[bytes], bool] | None = None
    """Gets an event stream piece by piece, as it comes, and says whether it has enough."""
    cut_at: float = inf
    """On the monotonic clock: an event stream that still goes on then is cut off, as if it had been dropped."""


Flow: TypeAlias = Generator[Attempt, httpx2.Response, T]
"""Asks for attempts, receives responses (or an `httpx2.RequestError`, thrown), returns a result."""


class FlowRun(Generic[T]):
    """One flow under way, for a driver: what it asks for now, and in the end its result."""

    def __init__(self, flow: Flow[T]) -> None:
        self._flow = flow
        self.attempt: Attempt | None = None
        """What is to be sent; `None` once the flow has its result."""
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
    """One call with its retries, the first attempt after `delay` seconds.

    No attempt is begun after `deadline` (on the monotonic clock). Raises `ConnectionFailed` and `APIError`.
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
    """A call as it is sent; every further attempt is the same."""
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
    """What a lost connection or a silent service is for the caller."""
    reason = str(error) or type(error).__name__
    failure = ConnectionFailed(f"no answer from {redact_url(configuration.base_url)}: {reason}")
    failure.__cause__ = error
    return failure
