"""Flows: generators that yield HTTP attempts and receive their responses.

A flow does no I/O. The sync and the async driver perform its attempts, so `Client` and `AsyncClient` share all logic.
"""

import errno
import ssl
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from math import inf
from typing import Generic, TypeAlias, TypeVar

import httpx2

from renderq._config import Configuration
from renderq._core.requests import Request
from renderq._core.responses import api_error, is_event_stream, redact_url
from renderq._core.retries import NEVER, Deadline, Retries, causes
from renderq._hosts import has_valid_host
from renderq._proxies import Proxy
from renderq.errors import ConnectionFailed

T = TypeVar("T")

BAD_REQUEST = 400
DEADLINE_GRACE_S = 2.0
"""Seconds by which a silent or slow service may exceed a deadline."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One HTTP request, sent after `delay` seconds. Redirects are not followed."""

    delay: float
    method: str
    url: httpx2.URL
    headers: dict[str, str] = field(repr=False)
    body: object | None
    """JSON."""
    file: bytes | None
    """The single file of a multipart form."""
    timeout: float
    """Seconds without a byte after which the attempt fails."""
    proxy: Proxy | None
    """The proxy to connect through."""
    on_chunk: Callable[[bytes], bool] | None = None
    """Called with every chunk of a stream. Returns whether to stop reading."""
    is_stream: Callable[[httpx2.Response], bool] = is_event_stream
    """Returns whether the body goes to `on_chunk`; any other is read as a whole."""
    cut_at: float = inf
    """Monotonic time at which a body is cut off, as if the connection had dropped."""


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


def perform(
    request: Request[T], configuration: Configuration, delay: float = 0.0, retries: Retries | None = None
) -> Flow[T]:
    """Perform one call with its retries, the first attempt after `delay` seconds.

    `retries`: default: `max_retries` of the client. Raises `ConnectionFailed` and `APIError`.
    """
    retries = retries or call_retries(configuration)
    while True:
        attempt = build_attempt(request, configuration, delay, retries.deadline.at)
        try:
            response = yield attempt
        except httpx2.RequestError as error:
            failure = connection_error(configuration, attempt, error)
        else:
            if response.status_code < BAD_REQUEST:
                return request.parse(response)
            failure = api_error(response)
        delay = retries.pause(failure)


def call_retries(configuration: Configuration, deadline: Deadline = NEVER) -> Retries:
    """Return the retries of one call: `max_retries`, or any number until a deadline."""
    limit = configuration.max_retries if deadline.timeout is None else None
    return Retries(configuration.on_retry, limit, deadline)


def build_attempt(request: Request[T], configuration: Configuration, delay: float, deadline: float) -> Attempt:
    """Build the HTTP attempt of a request. All attempts of a request are equal.

    Raises `ConnectionFailed` if the service named or redirected to a URL with a host that does not exist.
    """
    url = configuration.url(request.url)
    if not has_valid_host(url):
        raise ConnectionFailed(f"{redact_url(url)} has no valid host")
    headers = {"Accept": "application/json", **request.headers}
    if configuration.api_key and configuration.is_same_origin(url):
        headers["Authorization"] = f"Bearer {configuration.api_key}"
    remaining = max(0.0, deadline - time.monotonic() - delay)
    return Attempt(
        delay=delay,
        method=request.method,
        url=url,
        headers=headers,
        body=request.body,
        file=request.file,
        timeout=min(configuration.timeout + request.server_wait, remaining + DEADLINE_GRACE_S),
        proxy=configuration.proxies.find(url),
        cut_at=deadline + DEADLINE_GRACE_S,
    )


def connection_error(configuration: Configuration, attempt: Attempt, error: httpx2.RequestError) -> ConnectionFailed:
    """Convert a transport error to `ConnectionFailed`. The message blames the service only if that is at fault."""
    own = configuration.is_same_origin(attempt.url)
    host = redact_url(configuration.base_url if own else attempt.url.copy_with(raw_path=b"/"))
    failure = ConnectionFailed(_describe(host, attempt.proxy, error))
    failure.__cause__ = error
    return failure


def _describe(host: str, proxy: Proxy | None, error: httpx2.RequestError) -> str:
    if isinstance(error, httpx2.LocalProtocolError):  # its text quotes headers
        return f"the request to {host} cannot be sent: it is not valid HTTP"
    if any(isinstance(cause, OSError) and cause.errno in {errno.EMFILE, errno.ENFILE} for cause in causes(error)):
        return (
            "this process has too many open files to connect; every call and event stream in progress needs one: "
            "raise `ulimit -n`, or wait for fewer jobs at a time"
        )
    if any(isinstance(cause, ssl.SSLError) and "WRONG_VERSION_NUMBER" in str(cause) for cause in causes(error)):
        return f"{host} does not speak TLS; use http:// if that is intended"
    through = f" through the proxy in {proxy.variable}" if proxy else ""
    return f"no response from {host}{through}: {str(error) or type(error).__name__}"
