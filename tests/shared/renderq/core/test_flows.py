"""Flows without I/O: which attempts they make for given responses."""

import json
from collections.abc import Callable
from typing import Any, TypeVar

import httpx2
import pytest

from renderq import (
    ConnectionFailed,
    Forbidden,
    InvalidRequest,
    Job,
    JobCanceled,
    JobExpired,
    JobFailed,
    NotFound,
    OutputOptions,
    RateLimited,
    RenderqError,
    ServiceUnavailable,
    Status,
    Unauthorized,
    UnexpectedResponse,
    WaitTimeout,
)
from renderq._config import Configuration, configure
from renderq._core.flows import Attempt, Flow, perform
from renderq._core.requests import fetch_job, list_models, submit_job
from renderq._core.wait import POLL_INTERVAL, POLL_MAX, wait_for
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
    return wait_for(first, other.get("configuration", CONFIGURATION), timeout, on_progress, lambda job: None)


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


def test_no_retry_begins_after_the_timeout() -> None:
    late = problem("service_unavailable", "later", retry_after=30)
    with pytest.raises(ServiceUnavailable) as caught:
        drive(waiting(job(), timeout=10), late)
    assert caught.value.__notes__ == ["job_1 continues"]


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
