"""Requests rejected for their path, method, query or headers."""

import re

import httpx2
import pytest

from renderq_shared.ids import new_job_id
from tests.api.problems import NO_JOB, problem

BODY = {"prompt": "x"}


@pytest.mark.parametrize(
    "path",
    [
        "/v1",
        "/v2/jobs",
        "/v1/jobs/",
        "/v1/jobs/job_1",
        "/v1/jobs/job_1/images/0",
        "/v1/jobs/x/events",
        "/v1/stats/today",
        "/v1/models/nothing",
        "/v1/models/",
        "/docs",
        "/redoc",
        "/v1/jobs/..%2f..%2fetc",
        "/v1/jobs/%00",
        "/v1/jobs/%ff%fe",
        "/v1/jobs/" + "x" * 5000,
        "/v1/jobs/job_01m8563bxs7b4s8yve7cdp6k2z/images/x",
        "/v1/jobs/job_01m8563bxs7b4s8yve7cdp6k2z/images/-1",
        "/v1/jobs/job_01m8563bxs7b4s8yve7cdp6k2z/images/1.5",
        "/v1/jobs/JOB_01M8563BXS7B4S8YVE7CDP6K2Z",
    ],
)
def test_nothing_there(http: httpx2.Client, path: str) -> None:
    response = http.get(path)
    assert response.status_code == 404
    assert response.json()["code"] == "not_found"
    assert response.headers["content-type"] == "application/problem+json"


def test_unknown_job_gives_the_response_of_a_malformed_id(http: httpx2.Client) -> None:
    unknown = problem(http.get(f"/v1/jobs/{new_job_id()}"), "not_found")
    malformed = problem(http.get("/v1/jobs/job_7"), "not_found")
    assert unknown["detail"] == malformed["detail"]
    for path in (f"/v1/jobs/{new_job_id()}/cancel", "/v1/jobs/nonsense/cancel"):
        problem(http.post(path), "not_found")
    problem(http.get(f"/v1/jobs/{new_job_id()}/images/0"), "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/v1/models/shapes/image", "GET, HEAD"),
        ("POST", "/v1/tenants/default/data", "DELETE, GET, HEAD"),
        ("PATCH", "/v1/jobs", "GET, HEAD, POST"),
        ("DELETE", "/v1/jobs", "GET, HEAD, POST"),
        ("PUT", "/v1/jobs/x", "DELETE, GET, HEAD, PATCH"),
        ("GET", "/v1/jobs/x/cancel", "POST"),
        ("POST", "/v1/jobs/x/images/0", "GET, HEAD"),
        ("POST", "/v1/models", "GET, HEAD"),
        ("OPTIONS", "/v1/jobs", "GET, HEAD, POST"),
        ("POST", "/healthz", "GET, HEAD"),
        ("PATCH", "/v1/files/x", "GET, HEAD"),
        ("TRACE", "/v1/workers", "GET, HEAD"),
    ],
)
def test_other_methods(http: httpx2.Client, method: str, path: str, allowed: str) -> None:
    response = http.request(method, path)
    problem(response, "method_not_allowed")
    assert response.headers["allow"] == allowed


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("path", ["/v1/models/shapes/stop", "/v1/tenants/default/stop"])
def test_other_actions_do_not_exist_for_any_method(http: httpx2.Client, method: str, path: str) -> None:
    problem(http.request(method, path), "not_found")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/healthz?x"),
        ("GET", "/readyz?verbose=1"),
        ("GET", "/v1/models?limit=1"),
        ("GET", "/v1/workers?all=true"),
        ("GET", f"/v1/jobs/{NO_JOB}?wait=5"),
        ("POST", "/v1/jobs?model=x"),
        ("POST", f"/v1/jobs/{NO_JOB}/cancel?force=1"),
    ],
)
def test_no_query_parameter_is_accepted_and_ignored(http: httpx2.Client, method: str, path: str) -> None:
    problem(http.request(method, path), "invalid_request")


@pytest.mark.parametrize("value", ["wait", "wait=", "wait=abc", "wait=-1", "wait=1.5", 'wait="x"', "wait=" + "9" * 10])
def test_bad_wait(http: httpx2.Client, value: str) -> None:
    problem(http.post("/v1/jobs", json=BODY, headers={"Prefer": value}), "invalid_request")
    job = http.post("/v1/jobs", json=BODY).json()
    problem(http.get(job["urls"]["self"], headers={"Prefer": value}), "invalid_request")


def test_endless_prefer_header(http: httpx2.Client) -> None:
    problem(http.post("/v1/jobs", json=BODY, headers={"Prefer": '"\\"' * 1_000}), "invalid_request")


@pytest.mark.parametrize(
    "key", ["", '""', '"', '"a', 'a"', "two words", "k" * 256, '"' + "k" * 256 + '"', b"\xc3\xa9", '"\\n"']
)
def test_bad_idempotency_key(http: httpx2.Client, key: str | bytes) -> None:
    problem(http.post("/v1/jobs", json=BODY, headers={"Idempotency-Key": key}), "invalid_request")


def test_several_idempotency_keys(http: httpx2.Client) -> None:
    headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "a")]
    problem(http.post("/v1/jobs", json=BODY, headers=headers), "invalid_request")


@pytest.mark.parametrize("body", [b'{"reason": "changed my mind"}', b"[]", b"{"])
def test_cancel_takes_no_fields(http: httpx2.Client, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    problem(http.post(f"/v1/jobs/{new_job_id()}/cancel", content=body, headers=headers), "invalid_request")


def test_request_id_is_echoed_if_it_is_sane(http: httpx2.Client) -> None:
    assert http.get("/healthz", headers={"X-Request-Id": "abc-123_4.5:6"}).headers["x-request-id"] == "abc-123_4.5:6"
    document = problem(http.get("/nothing", headers={"X-Request-Id": "mine"}), "not_found")
    assert document["request_id"] == "mine"


@pytest.mark.parametrize("value", ["", "two words", "x" * 129, "<script>", b"\xff"])
def test_other_request_ids_are_replaced(http: httpx2.Client, value: str | bytes) -> None:
    minted = http.get("/healthz", headers={"X-Request-Id": value}).headers["x-request-id"]
    assert re.fullmatch("req_[0-9a-f]{24}", minted)


def test_every_answer_has_a_request_id_of_its_own(http: httpx2.Client) -> None:
    paths = ("/healthz", "/nothing", "/v1/models", "/openapi.json", "/v1/files/x")
    ids = {http.get(path).headers["x-request-id"] for path in paths}
    assert len(ids) == len(paths)
