"""Flows without I/O: which attempts they make for given responses."""

import json
import ssl
from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

import httpx2
import pytest

from renderq import (
    ConnectionFailed,
    Forbidden,
    InvalidArgument,
    InvalidRequest,
    Job,
    JobCanceled,
    JobExpired,
    JobFailed,
    NotFound,
    OutputOptions,
    RateLimited,
    RenderqError,
    Retry,
    ServiceUnavailable,
    Status,
    Unauthorized,
    UnexpectedResponse,
    WaitTimeout,
)
from renderq._config import Configuration, configure
from renderq._core.flows import Attempt, Flow, perform
from renderq._core.requests import fetch_job, list_models, submit_job
from renderq._core.responses import api_error
from renderq._core.retries import RETRY_AFTER_MAX, Deadline
from renderq._core.wait import POLL_INTERVAL, POLL_MAX, wait_for
from renderq._retry import RetryLog
from renderq.contract import FieldError, Problem
from renderq.testing import FakeResponse, problem
from tests.shared.renderq.factories import job

T = TypeVar("T")

CONFIGURATION = configure("http://render.example/base", "rq_key", 30.0, 2, {})
UNAVAILABLE = problem("service_unavailable", "starting")


def drive(flow: Flow[T], *script: FakeResponse | httpx2.RequestError) -> tuple[list[Attempt], T]:
    """Feed a flow the responses in order; returns its attempts and its result. Event streams fail."""
    attempts = [next(flow)]
    try:
        if attempts[0].on_chunk:
            attempts = [flow.throw(httpx2.ReadError("no streams here"))]
        for response in script:
            if isinstance(response, httpx2.RequestError):
                attempts.append(flow.throw(response))
            else:
                request = httpx2.Request(attempts[-1].method, attempts[-1].url)
                attempts.append(
                    flow.send(
                        httpx2.Response(
                            response.status, headers=response.headers, content=response.payload, request=request
                        )
                    )
                )
    except StopIteration as end:
        return attempts, end.value
    raise AssertionError(f"the script has ended, but the flow makes {attempts[-1]}")


def problem_with_status(status: int) -> FakeResponse:
    """A problem of an unknown kind."""
    known = problem("service_unavailable", "that was wrong").body
    assert isinstance(known, Problem)
    return FakeResponse(status, known.model_copy(update={"status": status, "code": "some_code"}), {"Retry-After": "1"})


def waiting(
    first: Job, timeout: float | None = None, on_progress: Callable[[Job], None] | None = None, **other: Any
) -> Flow[Job]:
    configuration = other.get("configuration", CONFIGURATION)
    return wait_for(first, configuration, Deadline.after(timeout), on_progress, lambda job: None)


def test_an_attempt_says_all_that_is_sent() -> None:
    [attempt], _ = drive(perform(list_models(), CONFIGURATION), FakeResponse(200, {"data": []}))
    assert (attempt.method, str(attempt.url)) == ("GET", "http://render.example/base/v1/models")
    assert attempt.headers == {"Accept": "application/json", "Authorization": "Bearer rq_key"}
    assert (attempt.delay, attempt.timeout, attempt.body) == (0, 30, None)


def test_a_request_contains_only_the_given_fields() -> None:
    call = submit_job("a circle", {"n": 2, "seed": None, "output": OutputOptions(format="webp")}, None)
    assert json.loads(json.dumps(call.body)) == {"prompt": "a circle", "n": 2, "output": {"format": "webp"}}


def test_all_attempts_of_a_submission_carry_one_key_and_the_next_has_another() -> None:
    flow = perform(submit_job("a circle", {}, None), CONFIGURATION)
    attempts, submitted = drive(flow, httpx2.ReadError("reset"), UNAVAILABLE, FakeResponse(201, job()))
    [key] = {attempt.headers["Idempotency-Key"] for attempt in attempts}
    assert len(attempts) == 3
    assert submitted.id == "job_1"
    assert submit_job("a circle", {}, None).headers["Idempotency-Key"] != key
    assert submit_job("a circle", {}, "mine").headers["Idempotency-Key"] == "mine"


def test_retry_after_decides_the_delay() -> None:
    attempts, _ = drive(
        perform(fetch_job("job_1"), CONFIGURATION),
        problem("rate_limited", "slow down", retry_after=17),
        FakeResponse(200, job()),
    )
    assert [attempt.delay for attempt in attempts] == [0, 17]


def test_gives_up_with_the_last_error_and_its_cause() -> None:
    with pytest.raises(ConnectionFailed, match=r"no response from http://render\.example/base/: refused") as caught:
        drive(perform(fetch_job("job_1"), CONFIGURATION), *[httpx2.ConnectError("refused")] * 3)
    assert isinstance(caught.value.__cause__, httpx2.ConnectError)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidRequest),
        (401, Unauthorized),
        (403, Forbidden),
        (404, NotFound),
        (422, InvalidRequest),
        (418, InvalidRequest),
    ],
)
def test_client_errors_are_typed_and_not_retried(status: int, kind: type[RenderqError]) -> None:
    with pytest.raises(kind) as caught:
        drive(perform(fetch_job("job_1"), CONFIGURATION), problem_with_status(status))
    assert type(caught.value) is kind
    assert (caught.value.code, caught.value.request_id) == ("some_code", "req_fake")
    assert str(caught.value) == "that was wrong (some_code)"


@pytest.mark.parametrize(
    ("status", "kind"),
    [(408, ServiceUnavailable), (429, RateLimited), (500, ServiceUnavailable), (503, ServiceUnavailable)],
)
def test_what_stays_unavailable_is_typed(status: int, kind: type[RenderqError]) -> None:
    with pytest.raises(kind) as caught:
        drive(perform(fetch_job("job_1"), CONFIGURATION), *[problem_with_status(status)] * 3)
    assert (caught.value.status, caught.value.retry_after) == (status, 1.0)


def test_an_invalid_request_says_which_values_are_wrong() -> None:
    wrong = (FieldError(pointer="/steps", code="less_than_equal", detail="must be at most 150"),)
    with pytest.raises(InvalidRequest, match="/steps: must be at most 150") as caught:
        drive(perform(submit_job("x", {"steps": 900}, None), CONFIGURATION), problem("invalid_request", errors=wrong))
    assert caught.value.errors[0].pointer == "/steps"


def test_a_proxys_own_error_page_is_an_error_without_a_problem() -> None:
    page = FakeResponse(404, b"<html><h1>Not here</h1></html>", {"Content-Type": "text/html"})
    with pytest.raises(NotFound, match=r"GET http://render\.example/base/v1/jobs/job_1 returned 404") as caught:
        drive(perform(fetch_job("job_1"), CONFIGURATION), page)
    assert (caught.value.problem, caught.value.code) == (None, None)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (FakeResponse(200, b"<html>welcome</html>"), "not a renderq Job"),
        (FakeResponse(200, {"id": "job_1"}), "not a renderq Job: task: Field required"),
        (FakeResponse(308, b"", {"Location": "https://render.example/"}), "redirected to https://render.example/"),
        (FakeResponse(204), "not a renderq Job"),
    ],
)
def test_a_response_outside_the_contract_is_named(answer: FakeResponse, message: str) -> None:
    with pytest.raises(UnexpectedResponse, match=message):
        drive(perform(fetch_job("job_1"), CONFIGURATION), answer)


def test_messages_keep_signatures_and_passwords_to_themselves() -> None:
    secret = configure("http://user:hush@render.example?token=hush", None, 30.0, 0, {})
    with pytest.raises(ConnectionFailed) as lost:
        drive(perform(fetch_job("job_1"), secret), httpx2.ConnectError("refused"))
    with pytest.raises(NotFound) as missing:
        drive(perform(fetch_job("job_1"), secret), FakeResponse(404))
    assert "hush" not in f"{lost.value} {missing.value}"
    assert "rq_key" not in repr(CONFIGURATION)


def test_waits_by_long_polls_one_after_the_other() -> None:
    running = FakeResponse(200, job("running"), {"Preference-Applied": "wait=60"})
    attempts, done = drive(waiting(job()), running, running, FakeResponse(200, job("succeeded")))
    assert done.status is Status.SUCCEEDED
    assert [attempt.headers["Prefer"] for attempt in attempts] == ["wait=60"] * 3
    assert all(attempt.delay <= POLL_INTERVAL for attempt in attempts)
    assert {attempt.timeout for attempt in attempts} == {90}


def test_polls_as_the_service_suggests_where_it_does_not_hold_requests() -> None:
    attempts, _ = drive(
        waiting(job()),
        FakeResponse(200, job("queued"), {"Retry-After": "4"}),
        FakeResponse(200, job("queued"), {"Retry-After": "4000"}),
        FakeResponse(200, job("running")),
        FakeResponse(200, job("succeeded")),
    )
    assert [attempt.delay for attempt in attempts] == [0, 4, POLL_MAX, 1]


def test_progress_comes_from_short_polls_and_only_when_something_changed() -> None:
    seen: list[int] = []
    attempts, _ = drive(
        waiting(job(), on_progress=lambda job: seen.append(job.version)),
        FakeResponse(200, job("running", version=2), {"ETag": 'W/"2"'}),
        FakeResponse(304),
        FakeResponse(200, job("running", version=3), {"ETag": 'W/"3"'}),
        FakeResponse(200, job("succeeded", version=4), {"ETag": 'W/"4"'}),
    )
    assert seen == [2, 3, 4]
    assert [attempt.delay for attempt in attempts] == [0, *[POLL_INTERVAL] * 3]
    assert [attempt.headers.get("If-None-Match") for attempt in attempts] == [None, 'W/"2"', 'W/"2"', 'W/"3"']
    assert not any("Prefer" in attempt.headers for attempt in attempts)


def test_sends_nothing_for_a_job_that_has_ended() -> None:
    with pytest.raises(StopIteration) as end:
        next(waiting(job("succeeded")))
    assert end.value.value.status is Status.SUCCEEDED


def test_timeout_polls_once_more_and_leaves_the_job_alone() -> None:
    with pytest.raises(WaitTimeout, match="job_1 is still running after 0 s") as caught:
        drive(waiting(job(), timeout=0), FakeResponse(200, job("running")))
    assert caught.value.job.status is Status.RUNNING


def test_a_wait_goes_on_through_an_outage_until_its_timeout() -> None:
    late = problem("service_unavailable", "later", retry_after=30)
    down = [httpx2.ConnectError("refused")] * 20
    attempts, done = drive(waiting(job(), timeout=10), *down, late, FakeResponse(200, job("succeeded")))
    assert done.status is Status.SUCCEEDED
    assert all(attempt.delay <= 8 for attempt in attempts[:-1])
    assert 9 < attempts[-1].delay <= 10


def test_without_a_timeout_a_wait_goes_on_for_any_time() -> None:
    down = [httpx2.ConnectError("refused")] * 5_000
    long = problem("service_unavailable", "later", retry_after=4_000)
    attempts, done = drive(waiting(job()), *down, long, FakeResponse(200, job("succeeded")))
    assert done.status is Status.SUCCEEDED
    assert (len(attempts), attempts[-1].delay) == (5_002, RETRY_AFTER_MAX)


@pytest.mark.parametrize(
    "failure", [problem("service_unavailable"), problem("rate_limited"), httpx2.ReadError("reset")]
)
def test_an_outage_that_outlasts_the_timeout_is_a_timeout_with_its_cause(failure: Any) -> None:
    with pytest.raises(WaitTimeout, match=r"job_1 was last seen queued after 0 s \(.+\); it continues") as caught:
        drive(waiting(job(), timeout=0), failure)
    assert isinstance(caught.value.__cause__, ConnectionFailed | RateLimited | ServiceUnavailable)


@pytest.mark.parametrize("error", [httpx2.LocalProtocolError("Bearer rq_key"), httpx2.UnsupportedProtocol("x")])
def test_what_another_attempt_does_not_change_is_raised_at_once(error: httpx2.RequestError) -> None:
    with pytest.raises(ConnectionFailed) as caught:
        drive(waiting(job(), timeout=100), error)
    assert "rq_key" not in str(caught.value)
    refused = httpx2.ConnectError("certificate verify failed")
    refused.__cause__ = ssl.SSLCertVerificationError("self-signed")
    with pytest.raises(ConnectionFailed, match="certificate"):
        drive(waiting(job(), timeout=100), refused)


def test_a_client_that_makes_no_retries_makes_none_in_a_wait_without_a_timeout() -> None:
    configuration = configure(None, None, 30.0, 0, {})
    with pytest.raises(ServiceUnavailable) as caught:
        drive(waiting(job(), configuration=configuration), UNAVAILABLE)
    assert caught.value.__notes__ == ["job_1 continues"]


@pytest.mark.parametrize("timeout", ["5", float("nan"), object(), [5]])
def test_a_timeout_that_is_no_number_is_an_error(timeout: Any) -> None:
    with pytest.raises(InvalidArgument, match="timeout must be seconds, or None"):
        Deadline.after(timeout)


def test_any_number_is_a_timeout() -> None:
    assert [Deadline.after(timeout).timeout for timeout in (Decimal(5), -1, True, None)] == [5.0, -1.0, 1.0, None]
    assert Deadline.after(1e300).at == Deadline.after(float("inf")).at == float("inf")


def test_retries_are_reported_before_their_pauses() -> None:
    told: list[Retry] = []
    configuration = configure(None, None, 30.0, 3, {}, told.append)
    quota = problem("quota_exceeded", retry_after=10)
    full = problem("queue_full", retry_after=3)
    drive(perform(list_models(), configuration), quota, full, FakeResponse(502), FakeResponse(200, {"data": []}))
    assert [str(retry) for retry in told[:2]] == ["waiting 10 s: quota", "waiting 3 s: the queue is full"]
    assert str(told[2]).endswith(": HTTP 502")
    assert [(type(retry.error), retry.number) for retry in told] == [
        (RateLimited, 1),
        (ServiceUnavailable, 2),
        (ServiceUnavailable, 3),
    ]
    assert str(Retry(ConnectionFailed("refused"), 4.0, 7, 12.3)) == "no answer since 12 s, still trying"
    assert str(Retry(told[2].error, 4.0, 7, 12.3)) == "HTTP 502 since 12 s, still trying"
    assert str(Retry(api_error_of("rate_limited"), 4.0, 1, 0.1)) == "waiting 4 s: rate limit"


@pytest.mark.parametrize("delay", [1.0, 8.0])
def test_a_long_outage_is_logged_less_and_less_often_and_once_for_all_waits(
    caplog: pytest.LogCaptureFixture, delay: float
) -> None:
    clock = [100.0]
    log = RetryLog(lambda: clock[0])
    for second in range(5, 100):
        clock[0] += 1
        for number in range(3):
            log(Retry(ConnectionFailed("refused"), delay, second + number, float(second)))
    assert [record.getMessage() for record in caplog.records] == [
        f"no answer since {seconds} s, still trying" for seconds in (5, 10, 20, 40, 80)
    ]


def test_pauses_that_nobody_notices_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    RetryLog()(Retry(ConnectionFailed("refused"), 1.0, 3, 2.0))
    assert not caplog.records


def test_https_to_a_service_without_tls_is_named() -> None:
    cause = ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)")
    error = httpx2.ConnectError("wrong version number")
    error.__cause__ = cause
    configuration = configure("https://render.example", None, 30.0, 0, {})
    with pytest.raises(ConnectionFailed, match=r"https://render\.example/ does not speak TLS; use http://"):
        drive(perform(list_models(), configuration), error)


def api_error_of(kind: str) -> RateLimited:
    response = problem(kind)
    request = httpx2.Request("GET", "http://h/")
    error = api_error(httpx2.Response(response.status, content=response.payload, request=request))
    assert isinstance(error, RateLimited)
    return error


def test_holds_no_longer_than_the_timeout() -> None:
    attempts, _ = drive(waiting(job(), timeout=10.5), FakeResponse(200, job("succeeded")))
    assert attempts[0].headers["Prefer"] == "wait=10"
    assert attempts[0].timeout <= 15.5


@pytest.mark.parametrize(
    ("status", "kind"), [("failed", JobFailed), ("canceled", JobCanceled), ("expired", JobExpired)]
)
def test_an_unsuccessful_end_is_an_error_with_the_job(status: str, kind: type[RenderqError]) -> None:
    with pytest.raises(kind) as caught:
        drive(waiting(job()), FakeResponse(200, job(status)))
    assert caught.value.job.status == status


def test_a_failed_job_says_why() -> None:
    error = {"code": "out_of_memory", "message": "needed 9 GiB, had 8", "retryable": False}
    with pytest.raises(JobFailed, match="job_1 failed with out_of_memory: needed 9 GiB, had 8"):
        drive(waiting(job()), FakeResponse(200, job("failed", error=error)))


def test_configuration_is_arguments_then_environment_then_defaults() -> None:
    def configured(url: str | None, key: str | None, **environ: str) -> Configuration:
        return configure(url, key, 1.0, 0, environ)

    assert str(configured(None, None).base_url) == "http://127.0.0.1:8400/"
    both = configured(None, None, RENDERQ_URL="https://env.example", RENDERQ_API_KEY="rq_env\n")
    assert (str(both.base_url), both.api_key) == ("https://env.example/", "rq_env")
    given = configured("https://arg.example/x", "rq_arg", RENDERQ_URL="https://env.example", RENDERQ_API_KEY="rq_env")
    assert (str(given.base_url), given.api_key) == ("https://arg.example/x/", "rq_arg")


@pytest.mark.parametrize(
    "url", ["render.example", "ftp://render.example", "http://", "http://render.example:port", "127.0.0.1:8400"]
)
def test_an_address_that_cannot_be_one_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"not an? "):
        configure(url, None, 30.0, 0, {})
