"""`Idempotency-Key`: repeated submissions are one job."""

from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from tests.api.problems import problem
from tests.api.worker import Worker

BODY = {"prompt": "x", "steps": 5}


def submit(http: httpx2.Client, key: str, body: object = None, **headers: str) -> httpx2.Response:
    return http.post("/v1/jobs", json=body or BODY, headers={"Idempotency-Key": key, **headers})


def test_replay_answers_with_the_job_as_it_is_now(http: httpx2.Client, worker: Worker) -> None:
    first = submit(http, "k1")
    assert "idempotency-replayed" not in first.headers
    worker.finish(worker.claim())
    again = submit(http, "k1")
    assert (again.status_code, again.headers["idempotency-replayed"]) == (201, "true")
    assert again.json()["id"] == first.json()["id"]
    assert again.json()["status"] == "succeeded"
    assert again.headers["location"] == first.headers["location"]
    assert http.get("/v1/models/shapes").json()["queued_jobs"] == 0


def test_order_of_fields_and_white_space_make_no_difference(http: httpx2.Client) -> None:
    bodies = (b'{"prompt":"\xc3\xa9","steps":5}', b'{ "steps" : 5,\n "prompt" : "\\u00e9" }')
    headers = {"Idempotency-Key": "k", "Content-Type": "application/json"}
    first, second = (http.post("/v1/jobs", content=body, headers=headers).json() for body in bodies)
    assert first["id"] == second["id"]


@pytest.mark.parametrize("other", [{"prompt": "y", "steps": 5}, {"prompt": "x"}, {"prompt": "x", "steps": 5, "n": 1}])
def test_same_key_for_another_body(http: httpx2.Client, other: dict[str, object]) -> None:
    submit(http, "k")
    problem(submit(http, "k", other), "idempotency_key_reuse")


@pytest.mark.parametrize(
    ("key", "same"), [("abc", '"abc"'), ("a-b/c:d=e", '"a-b/c:d=e"'), ('"a\\"b"', '"a\\"b"'), ("k" * 255, "k" * 255)]
)
def test_quoted_and_bare_are_the_same_key(http: httpx2.Client, key: str, same: str) -> None:
    assert submit(http, key).json()["id"] == submit(http, same).json()["id"]


def test_keys_differ_by_case_and_space(http: httpx2.Client) -> None:
    assert len({submit(http, key).json()["id"] for key in ("a", "A", '" a"', '"a "')}) == 4


def test_refused_requests_are_not_remembered(http: httpx2.Client) -> None:
    problem(submit(http, "k", {"prompt": "x", "steps": 0}), "invalid_request")
    assert submit(http, "k").status_code == 201


def test_without_a_key_every_submission_is_a_job(http: httpx2.Client) -> None:
    assert len({http.post("/v1/jobs", json=BODY).json()["id"] for _ in range(3)}) == 3


def test_twenty_at_once_are_one_job(http: httpx2.Client) -> None:
    with ThreadPoolExecutor(20) as pool:
        responses = list(pool.map(lambda _: submit(http, "k"), range(20)))
    assert len({response.json()["id"] for response in responses}) == 1
    assert sorted(response.headers.get("idempotency-replayed", "") for response in responses) == [""] + ["true"] * 19


def test_replay_may_wait_too(http: httpx2.Client) -> None:
    job = submit(http, "k").json()
    http.post(f"/v1/jobs/{job['id']}/cancel")
    again = submit(http, "k", Prefer="wait=30")
    assert (again.json()["id"], again.json()["status"]) == (job["id"], "canceled")
