"""What visitors may do, within limits for each job, for one address, and for all visitors together."""

import re
from typing import Any

import httpx2
import pytest

from renderq_api.http.problems import demo_full
from renderq_shared.redis.clients import sync_client
from tests.api.problems import problem
from tests.api.visitors.conftest import Visit
from tests.api.visitors.requests import submit
from tests.api.worker import Worker
from tests.polling import wait_until

PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="
)


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"n": 3}, "/n"),
        ({"width": 72}, "/width"),
        ({"height": 72}, "/height"),
        ({"steps": 21}, "/steps"),
        ({"output": {"resize": 2}}, "/output/resize"),
        ({"priority": 1}, "/priority"),
        ({"priority": -1}, "/priority"),
        ({"task": "img2img", "image": PIXEL}, "/image"),
        ({"task": "img2img", "image": "https://example.com/x.png"}, "/image"),
        ({"prompt": "a Ｕnïcorn!"}, "/prompt"),
    ],
)
def test_a_job_is_bounded_at_its_fields(visit: Visit, fields: dict[str, Any], pointer: str) -> None:
    refusal = problem(submit(visit(), **fields), "invalid_request")
    assert [error["pointer"] for error in refusal["errors"]] == [pointer]


def test_the_api_of_another_service_has_the_same_limits(visit: Visit) -> None:
    visitor = visit()
    refused = visitor.post("/v1/images/generations", json={"prompt": "x", "size": "72x64"})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "size")
    assert refused.json()["error"]["message"].startswith("size: May be at most 64 for visitors")
    refused = visitor.post("/v1/images/edits", files={"image": b"x"}, data={"prompt": "x"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "forbidden")
    refused = visitor.post("/hf/shapes", json={"inputs": "x", "parameters": {"num_inference_steps": 21}})
    assert refused.json()["error"].startswith("parameters.num_inference_steps: May be at most 20 for visitors")
    refused = visitor.post("/hf/shapes", content=b"x")
    assert (refused.status_code, refused.json()["error_type"]) == (403, "forbidden")
    refused = visitor.post("/sdapi/v1/txt2img", json={"prompt": "x", "steps": 21})
    assert refused.json()["detail"].startswith("steps: May be at most 20 for visitors")
    for path in ("img2img", "extra-single-image", "png-info", "options"):
        assert visitor.post(f"/sdapi/v1/{path}", json={}).status_code == 403


def test_webhooks_are_not_for_visitors_whether_or_not_the_service_signs_any(visit: Visit) -> None:
    refusal = problem(submit(visit(), webhook={"url": "https://example.com/"}), "invalid_request")
    assert [(error["pointer"], error["code"]) for error in refusal["errors"]] == [("/webhook", "not_for_visitors")]


def test_other_routes_that_take_more_are_closed(visit: Visit) -> None:
    visitor = visit()
    job = submit(visitor).json()["id"]
    visitor.post(f"/v1/jobs/{job}/cancel").raise_for_status()
    problem(visitor.post("/v1/assets", files={"file": b"x"}), "forbidden")
    problem(visitor.post("/v1/batches", json={"requests": [{"prompt": "x"}]}), "forbidden")
    problem(visitor.post("/v1/batches/batch_x/retry"), "forbidden")
    problem(visitor.patch(f"/v1/jobs/{job}", json={"kept": True}), "forbidden")
    problem(visitor.get("/v1/workers"), "forbidden")
    problem(visitor.get("/v1/usage?tenant=*"), "forbidden")


def test_a_visitor_has_one_job_queued_and_two_that_have_not_ended(visit: Visit, worker: Worker) -> None:
    visitor = visit()
    assert submit(visitor).status_code == 201
    problem(submit(visitor), "quota_exceeded")
    running = worker.claim()
    assert submit(visitor).status_code == 201
    worker.claim()
    problem(submit(visitor), "quota_exceeded")
    worker.finish(running)
    assert submit(visitor).status_code == 201


def test_the_quota_says_when_the_waiting_job_starts(visit: Visit, worker: Worker, redis_url: str) -> None:
    first, second = visit(), visit()
    submit(first).raise_for_status()
    cost = worker.claim().cost
    submit(second).raise_for_status()
    with sync_client(redis_url) as redis:
        redis.lpush("rq:timings:shapes", f"90000 90000 0 90000 {cost} 1 cpu")
    wait_until(lambda: second.get("/v1/models/shapes").json()["seconds_per_image"] == 90.0)
    refused = submit(second)
    assert "at most one job that waits" in problem(refused, "quota_exceeded")["detail"]
    assert refused.headers["retry-after"] == "90"


def test_an_address_has_its_jobs_of_the_day(visit: Visit) -> None:
    def send_and_cancel(visitor: httpx2.Client) -> httpx2.Response:
        response = submit(visitor)
        if response.status_code == 201:
            visitor.post(f"/v1/jobs/{response.json()['id']}/cancel").raise_for_status()
        return response

    first, second, elsewhere = visit(), visit(), visit("192.0.2.2")
    for visitor in (first, second, first, second):
        assert send_and_cancel(visitor).status_code == 201
    for visitor in (first, second):
        assert "address" in problem(send_and_cancel(visitor), "daily_limit_reached")["detail"]
    assert send_and_cancel(elsewhere).status_code == 201


def test_a_full_demo_says_when_a_place_is_free(visit: Visit, worker: Worker) -> None:
    *first, fourth, fifth = (visit(f"192.0.2.{number}") for number in range(5))
    for visitor in first:
        assert submit(visitor).status_code == 201
    problem(submit(fourth), "demo_full")
    worker.finish(worker.claim())
    job = submit(fourth).json()["id"]

    def is_estimated() -> bool:
        detail = problem(submit(fifth), "demo_full")["detail"]
        return re.fullmatch(r"This demo is full; a place is free in about \d+ s\.", detail) is not None

    wait_until(is_estimated)
    fourth.post(f"/v1/jobs/{job}/cancel").raise_for_status()
    assert submit(fifth).status_code == 201


def test_without_an_estimate_a_place_is_free_soon() -> None:
    full = demo_full(None)
    assert (full.detail, full.headers) == ("This demo is full; a place is free soon.", {"Retry-After": "15"})


def test_a_refused_prompt_does_not_say_why(visit: Visit) -> None:
    response = submit(visit(), prompt="a rubber duck and a house", negative_prompt="unicorn")
    assert "does not accept this prompt" in response.text
    assert "rubber" not in response.text
    assert submit(visit(), negative_prompt="unicorn").status_code == 201
