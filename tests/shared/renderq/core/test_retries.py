"""Retry policy, without a network."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderq._core.retries import BACKOFF_MAX, is_retried, is_transient, parse_retry_after, retry_delay
from renderq.contract import PROBLEMS, Problem, ProblemKind
from renderq.errors import ServiceUnavailable

NOW = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("Sat, 31 Jan 2026 12:00:09 GMT", 9.0),
        ("Sat, 31 Jan 2026 11:00:00 GMT", 0.0),
        ("Sat, 31 Jan 2026 12:00:09 -0000", 9.0),
        ("soon", None),
        ("-3", None),
        ("", None),
        ("Sat, 31 Jan 99999999999999999999 12:00:00 GMT", None),
        ("Sat, 31 Jan 2026 12:00:00 +99999999999999", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    assert parse_retry_after(header, NOW) == seconds


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_these_may_do_better_later(status: int) -> None:
    assert is_retried(status)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 415, 422])
def test_other_client_errors_will_not(status: int) -> None:
    assert not is_retried(status)


@pytest.mark.parametrize(("kind", "is_repeated"), [("record_unreadable", False), ("internal_error", True)])
def test_a_server_error_is_final_if_the_service_says_so(kind: str, is_repeated: bool) -> None:
    definition = PROBLEMS[ProblemKind(kind)]
    fields = {"status": definition.status, "title": definition.title, "retryable": definition.retryable}
    problem = Problem(type=kind, detail="x", instance="/", code=kind, request_id="r", **fields)
    assert is_transient(ServiceUnavailable("x", status=definition.status, problem=problem)) == is_repeated


@given(attempt=st.integers(0, 30))
def test_backoff_is_jittered_over_a_growing_bound(attempt: int) -> None:
    bound = retry_delay(attempt, 31, uniform=lambda low, high: high)
    assert bound == min(BACKOFF_MAX, 0.5 * 2**attempt)
    assert retry_delay(attempt, 31, uniform=lambda low, high: low) == 0


def test_retry_after_comes_before_backoff() -> None:
    assert retry_delay(0, 4, retry_after=3.0) == 3.0


def test_a_service_that_wants_minutes_is_not_waited_for() -> None:
    assert retry_delay(0, 4, retry_after=600.0) is None


def test_gives_up_after_max_retries() -> None:
    assert retry_delay(2, 3) is not None
    assert retry_delay(3, 3) is None
    assert retry_delay(0, 0) is None
