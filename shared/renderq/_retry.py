"""What a client reports about attempts that it repeats."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from time import monotonic

from renderq.contract import ProblemKind
from renderq.errors import APIError, ConnectionFailed, RateLimited

_LOGGED_SILENCE_S = 5.0
_LOGGED_DELAY_S = 2.0
_MIN_GAP_S = 5.0
"""Seconds between two messages; in a long outage, half its duration."""

_log = logging.getLogger("renderq")


@dataclass(frozen=True, slots=True)
class Retry:
    """A failed attempt that will be repeated.

    As text: `no answer since 12 s, still trying`, or `waiting 10 s: quota`.
    """

    error: ConnectionFailed | APIError
    delay: float
    """Seconds until the next attempt."""
    number: int
    """Attempts that have failed in a row, from 1."""
    since: float
    """Seconds since the first of them began."""

    def __str__(self) -> str:
        error = self.error
        if isinstance(error, ConnectionFailed):
            return f"no answer since {self.since:.0f} s, still trying"
        if isinstance(error, RateLimited):
            reason = "quota" if error.code == ProblemKind.QUOTA_EXCEEDED else "rate limit"
            return f"waiting {self.delay:.0f} s: {reason}"
        reason = "the queue is full" if error.code == ProblemKind.QUEUE_FULL else error.code or f"HTTP {error.status}"
        if error.code == ProblemKind.QUEUE_FULL or self.since < 1:
            return f"waiting {self.delay:.0f} s: {reason}"
        return f"{reason} since {self.since:.0f} s, still trying"


class RetryLog:
    """Logs retries that take seconds as warnings of the logger `renderq`, less and less often.

    A client has one for all its calls: many waits in the same outage make one message.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._logged_at = -inf

    def __call__(self, retry: Retry) -> None:
        now = self._clock()
        takes_seconds = retry.delay >= _LOGGED_DELAY_S or retry.since >= _LOGGED_SILENCE_S
        if takes_seconds and now - self._logged_at >= max(_MIN_GAP_S, retry.since / 2):
            self._logged_at = now
            _log.warning("%s", retry)
