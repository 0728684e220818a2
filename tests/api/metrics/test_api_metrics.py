"""Metrics of the API: what happened to jobs and requests, counted once, with bounded labels."""

import httpx2

from renderq_shared.jobs import commands
from renderq_shared.jobs.redis import RedisJobStore
from tests.api.running_api import RunningApi
from tests.job_store.factories import SUCCEEDED, claim, claim_ref, submit, worker_record
from tests.polling import wait_until
from tests.scrape import label_values, value

MODEL = "shapes"
REQUEST = {"task": "txt2img", "model": MODEL, "prompt": "a red circle", "steps": 1, "width": 64, "height": 64}


def scrape(http: httpx2.Client) -> str:
    response = http.get("/metrics")
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("text/plain")
    return response.text


def test_a_job_is_counted_when_it_is_submitted_and_when_it_ends(http: httpx2.Client) -> None:
    before = scrape(http)
    job_id = http.post("/v1/jobs", json=REQUEST).json()["id"]
    http.post(f"/v1/jobs/{job_id}/cancel", json={})
    http.post(f"/v1/jobs/{job_id}/cancel", json={})
    labels = {"model": MODEL, "task": "txt2img"}

    def canceled() -> float:
        page = scrape(http)
        name = "renderq_jobs_ended_total"
        return value(page, name, status="canceled", **labels) - value(before, name, status="canceled", **labels)

    wait_until(lambda: canceled() == 1, "the count of the canceled job")
    page = scrape(http)
    assert value(page, "renderq_jobs_submitted_total", **labels) - value(before, "renderq_jobs_submitted_total") == 1
    assert value(page, "renderq_job_total_seconds_count", **labels) == 1 + value(
        before, "renderq_job_total_seconds_count", **labels
    )


def test_what_a_worker_ended_is_not_counted_again(http: httpx2.Client, store: RedisJobStore) -> None:
    before = value(scrape(http), "renderq_jobs_ended_total")
    submit(store, "job_done", "default")
    assert store.call(commands.finish(claim_ref(claim(store)), SUCCEEDED)).accepted
    submit(store, "job_canceled", "default")
    store.call(commands.cancel("default", "job_canceled"))
    wait_until(lambda: value(scrape(http), "renderq_jobs_ended_total") > before, "the canceled job")
    assert value(scrape(http), "renderq_jobs_ended_total") == before + 1


def test_the_state_of_the_queues_is_that_of_redis(api: RunningApi, http: httpx2.Client, store: RedisJobStore) -> None:
    store.call(commands.register(worker_record("w1", MODEL), 60_000))
    for number in range(3):
        submit(store, f"job_{number}", "default", model=MODEL)
    claim(store, lease_ms=60_000)

    def queued() -> float:
        return value(scrape(http), "renderq_jobs_queued", model=MODEL)

    wait_until(lambda: queued() == 2, "the queue's length")
    page = scrape(http)
    assert value(page, "renderq_jobs_running", model=MODEL) == 1
    assert value(page, "renderq_model_workers", model=MODEL) == 1
    assert value(page, "renderq_oldest_queued_seconds", model=MODEL) > 0
    assert value(page, "renderq_queue_limit") == api.settings.max_queued_jobs


def test_labels_do_not_grow_with_what_clients_send(http: httpx2.Client) -> None:
    for number in range(3):
        http.get(f"/v1/jobs/job_{number}")
        http.get(f"/nowhere/{number}")
        http.request("PROPFIND", "/v1/jobs")
        http.post("/v1/jobs", json={**REQUEST, "model": f"unknown-{number}"})
    page = scrape(http)
    routes = label_values(page, "renderq_http_requests_total", "route")
    assert {"/v1/jobs/{job_id}", "other"} <= routes
    assert not [route for route in routes if "nowhere" in route or "job_0" in route]
    assert "other" in label_values(page, "renderq_http_requests_total", "method")
    assert not [m for m in label_values(page, "renderq_http_requests_total", "method") if m == "PROPFIND"]
    assert "unknown-0" not in page
