"""Retry policy: which responses are retried, and after which delay."""

import random
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

BACKOFF_BASE = 0.5
"""Seconds; upper bound of the first delay, doubled with every attempt."""
BACKOFF_MAX = 8.0
"""Seconds; largest upper bound."""
RETRY_AFTER_MAX = 60.0
"""Seconds; a longer `Retry-After` is not waited for."""

REQUEST_TIMEOUT = 408
TOO_MANY_REQUESTS = 429
SERVER_ERRORS = 500


def is_retried(status: int) -> bool:
    """Return whether a status is retryable: 408, 429 and 5xx."""
    return status in {REQUEST_TIMEOUT, TOO_MANY_REQUESTS} or status >= SERVER_ERRORS


def retry_delay(
    attempt: int,
    max_retries: int,
    retry_after: float | None = None,
    uniform: Callable[[float, float], float] = random.uniform,
) -> float | None:
    """Return the seconds to wait after failed attempt `attempt` (from 0); `None`: give up.

    `Retry-After` takes precedence; else full jitter over an exponential bound, as in "Exponential Backoff And Jitter"
    (AWS Architecture Blog, 2015).
    """
    if attempt >= max_retries:
        return None
    if retry_after is not None:
        return retry_after if retry_after <= RETRY_AFTER_MAX else None
    return uniform(0.0, min(BACKOFF_MAX, BACKOFF_BASE * 2**attempt))


def parse_retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """Parse a `Retry-After` header (RFC 9110, 10.2.3: seconds or a date) to seconds; `None` if it is malformed."""
    if value is None:
        return None
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, (date - (now or datetime.now(UTC))).total_seconds())
