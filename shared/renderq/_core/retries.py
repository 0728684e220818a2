"""Retry policy: which failures are repeated, after which delay, and how often."""

import random
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import inf

import httpx2

from renderq._retry import Retry
from renderq.errors import APIError, ConnectionFailed, InvalidArgument

BACKOFF_BASE = 0.5
"""Seconds; upper bound of the first delay, doubled with every attempt."""
BACKOFF_MAX = 8.0
"""Seconds; largest upper bound."""
BACKOFF_DOUBLINGS = 16
"""More do not change the bound; a long outage has thousands of attempts."""
RETRY_AFTER_MAX = 60.0
"""Seconds; a call does not wait for a longer `Retry-After`, and a wait asks again after this time."""

_FOREVER_S = 1e9
"""Seconds; operating systems have no longer timeouts."""

REQUEST_TIMEOUT = 408
TOO_MANY_REQUESTS = 429
SERVER_ERRORS = 500

Failure = ConnectionFailed | APIError


@dataclass(frozen=True, slots=True)
class Deadline:
    """The caller's timeout of an operation, and when it ends."""

    timeout: float | None
    """Seconds; `None`: never."""
    at: float
    """Monotonic time."""

    @classmethod
    def after(cls, timeout: float | None) -> "Deadline":
        """Return the deadline of a timeout that begins now. Raises `InvalidArgument`."""
        if timeout is None:
            return cls(None, inf)
        try:
            seconds = float(timeout)
        except (TypeError, ValueError):
            seconds = float("nan")
        except OverflowError:  # an integer beyond a double
            seconds = inf if timeout > 0 else 0.0
        if isinstance(timeout, str) or seconds != seconds:
            raise InvalidArgument(f"timeout must be seconds, or None to wait indefinitely; got {timeout!r}")
        return cls(seconds, time.monotonic() + seconds if seconds < _FOREVER_S else inf)

    @property
    def remaining(self) -> float | None:
        """Seconds until the deadline; `None`: it never passes."""
        return None if self.timeout is None else max(0.0, self.at - time.monotonic())

    @property
    def has_passed(self) -> bool:
        return time.monotonic() >= self.at


NEVER = Deadline(None, inf)


class Retries:
    """The attempts of one operation that fail in a row.

    `limit`: number of repetitions; `None`: any number until the deadline, at which there is a last one.
    """

    def __init__(self, on_retry: Callable[[Retry], None], limit: int | None, deadline: Deadline = NEVER) -> None:
        self._on_retry = on_retry
        self._limit = limit
        self.deadline = deadline
        self.number = 0
        self.had_failures = False
        """True once an attempt has failed and been repeated."""
        self._since = time.monotonic()

    def reset(self) -> None:
        """Note that the service has responded."""
        self.number, self._since = 0, time.monotonic()

    def pause(self, failure: Failure, limit: int | None = None) -> float:
        """Report a failure, and return the seconds until the next attempt. Raises the failure if there is none.

        `limit`: replaces the one of this object if it is lower.
        """
        now = time.monotonic()
        limits = [each for each in (limit, self._limit) if each is not None]
        retry_after = failure.retry_after if isinstance(failure, APIError) else None
        delay = retry_delay(self.number, min(limits, default=None), retry_after) if is_transient(failure) else None
        if delay is None or now >= self.deadline.at:
            raise failure
        self.number += 1
        self.had_failures = True
        delay = min(delay, self.deadline.at - now)
        self._on_retry(Retry(failure, delay, self.number, max(0.0, now - self._since)))
        return delay


def is_transient(failure: Failure) -> bool:
    """Return whether another attempt may succeed.

    It may after 408, 429 and 5xx, unless the service says that it will not, and after a lost connection, unless the
    server's certificate was refused or the request cannot be sent.
    """
    if isinstance(failure, APIError):
        return is_retried(failure.status) and (failure.problem is None or failure.problem.retryable)
    permanent = httpx2.LocalProtocolError | httpx2.UnsupportedProtocol | ssl.SSLCertVerificationError
    return not any(isinstance(cause, permanent) for cause in causes(failure))


def is_retried(status: int) -> bool:
    """Return whether a status is retryable: 408, 429 and 5xx."""
    return status in {REQUEST_TIMEOUT, TOO_MANY_REQUESTS} or status >= SERVER_ERRORS


def retry_delay(
    attempt: int,
    max_retries: int | None,
    retry_after: float | None = None,
    uniform: Callable[[float, float], float] = random.uniform,
) -> float | None:
    """Return the seconds to wait after failed attempt `attempt` (from 0); `None`: give up.

    `Retry-After` takes precedence; else full jitter over an exponential bound, as in "Exponential Backoff And Jitter"
    (AWS Architecture Blog, 2015). `max_retries`: `None` never gives up.
    """
    if max_retries is not None and attempt >= max_retries:
        return None
    if retry_after is None:
        return uniform(0.0, min(BACKOFF_MAX, BACKOFF_BASE * 2 ** min(attempt, BACKOFF_DOUBLINGS)))
    if retry_after > RETRY_AFTER_MAX:
        return None if max_retries is not None else RETRY_AFTER_MAX
    return retry_after


def parse_retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """Parse a `Retry-After` header (RFC 9110, 10.2.3: seconds or a date) to seconds; `None` if it is malformed."""
    if value is None:
        return None
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, (date - (now or datetime.now(UTC))).total_seconds())


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what it was raised from, also by way of an exception group."""
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for each in error.exceptions:
                yield from causes(each)
        error = error.__cause__ or error.__context__
