"""`Prefer: wait=N`: the response comes when the job ends, at the latest after N seconds."""

import asyncio
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest
import redis

from renderq_api.live.long_poll import HEARTBEAT_S
from tests.api.conftest import SettingsFor
from tests.api.problems import problem
from tests.api.running_api import RunningApi
from tests.api.worker import Worker
from tests.polling import wait_until
from tests.valkey_server import Valkey

LONG = {"Prefer": "wait=30"}


def submit(http: httpx2.Client) -> str:
    return http.post("/v1/jobs", json={"prompt": "x"}).json()["id"]


def watched(api: RunningApi, job_id: str) -> int:
    return api.server.config.app.state.services.job_watchers.watcher_count(job_id)


@pytest.fixture
def pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(20)


def test_get_answers_when_the_job_ends(
    api: RunningApi, http: httpx2.Client, worker: Worker, pool: ThreadPoolExecutor
) -> None:
    job_id = submit(http)
    record = worker.claim()
    waiting = pool.submit(http.get, f"/v1/jobs/{job_id}", headers=LONG)
    wait_until(lambda: watched(api, job_id))
    worker.report(record, "denoising", 1, 20)
    worker.finish(record)
    response = waiting.result(timeout=10)
    assert (response.status_code, response.json()["status"]) == (200, "succeeded")
    assert len(response.json()["outputs"]) == 1
    assert response.headers["preference-applied"] == "wait=30"
    assert response.headers["etag"] == f'W/"{response.json()["version"]}"'
    wait_until(lambda: not watched(api, job_id))


def test_post_answers_when_the_job_ends(http: httpx2.Client, worker: Worker, pool: ThreadPoolExecutor) -> None:
    waiting = pool.submit(http.post, "/v1/jobs", json={"prompt": "x"}, headers=LONG)
    wait_until(lambda: http.get("/v1/models/shapes").json()["queued_jobs"])
    worker.finish(worker.claim())
    response = waiting.result(timeout=10)
    assert (response.status_code, response.json()["status"]) == (201, "succeeded")
    assert response.headers["preference-applied"] == "wait=30"
    assert response.headers["location"] == response.json()["urls"]["self"]


def test_ended_job_is_answered_at_once(http: httpx2.Client) -> None:
    job_id = submit(http)
    http.post(f"/v1/jobs/{job_id}/cancel")
    response = http.get(f"/v1/jobs/{job_id}", headers=LONG)
    assert (response.json()["status"], response.headers["preference-applied"]) == ("canceled", "wait=30")
    assert response.elapsed.total_seconds() < 15


def test_unfinished_job_is_a_normal_answer(http: httpx2.Client, worker: Worker) -> None:
    job_id = submit(http)
    response = http.get(f"/v1/jobs/{job_id}", headers={"Prefer": "wait=1"})
    assert (response.status_code, response.json()["status"]) == (200, "queued")
    assert (response.headers["retry-after"], response.headers["preference-applied"]) == ("1", "wait=1")
    assert response.json()["queue_position"] == 0
    assert response.elapsed.total_seconds() >= 1


@pytest.mark.parametrize(
    ("sent", "applied"),
    [
        ("wait=0", "wait=0"),
        ("WAIT = 0", "wait=0"),
        ('wait="0"', "wait=0"),
        ("respond-async, wait=0", "wait=0"),
        ('foo="a, wait=9"; bar, wait=0; baz', "wait=0"),
        ("wait=0, wait=30", "wait=0"),
        ("respond-async", None),
        ("", None),
    ],
)
def test_how_a_wait_is_said(http: httpx2.Client, sent: str, applied: str | None) -> None:
    response = http.get(f"/v1/jobs/{submit(http)}", headers={"Prefer": sent})
    assert (response.status_code, response.headers.get("preference-applied")) == (200, applied)


def test_longer_waits_are_cut_and_say_so(http: httpx2.Client) -> None:
    job_id = submit(http)
    http.post(f"/v1/jobs/{job_id}/cancel")
    response = http.get(f"/v1/jobs/{job_id}", headers={"Prefer": "wait=3600"})
    assert response.headers["preference-applied"] == "wait=60"


def test_unchanged_after_the_wait_is_304(http: httpx2.Client) -> None:
    headers = {"Prefer": "wait=1", "If-None-Match": 'W/"1"'}
    response = http.get(f"/v1/jobs/{submit(http)}", headers=headers)
    assert (response.status_code, response.headers["preference-applied"]) == (304, "wait=1")


def test_etags_in_several_lines_are_one_list(http: httpx2.Client) -> None:
    headers = [("If-None-Match", 'W/"9"'), ("If-None-Match", 'W/"1"')]
    assert http.get(f"/v1/jobs/{submit(http)}", headers=headers).status_code == 304


def test_unknown_job_is_not_waited_for(http: httpx2.Client) -> None:
    response = http.get("/v1/jobs/job_01m8563bxs7b4s8yve7cdp6k2z", headers=LONG)
    problem(response, "not_found")
    assert response.elapsed.total_seconds() < 15


def test_cancel_ends_the_wait(api: RunningApi, http: httpx2.Client, pool: ThreadPoolExecutor) -> None:
    job_id = submit(http)
    waiting = [pool.submit(http.get, f"/v1/jobs/{job_id}", headers=LONG) for _ in range(10)]
    wait_until(lambda: watched(api, job_id))
    http.post(f"/v1/jobs/{job_id}/cancel")
    assert {response.result(timeout=10).json()["status"] for response in waiting} == {"canceled"}


def test_client_that_hangs_up_is_dropped_when_its_wait_ends(api: RunningApi, http: httpx2.Client) -> None:
    """Until the response is sent, it may as well have closed its sending side only."""
    job_id = submit(http)
    with socket.create_connection((http.base_url.host, http.base_url.port)) as connection:
        request = f"GET /v1/jobs/{job_id} HTTP/1.1\r\nHost: localhost\r\nPrefer: wait=1\r\n\r\n"
        connection.sendall(request.encode())
        wait_until(lambda: watched(api, job_id))
    wait_until(lambda: not watched(api, job_id))


async def test_hundreds_of_waits_on_one_process(api: RunningApi, http: httpx2.Client) -> None:
    job_id = submit(http)
    limits = httpx2.Limits(max_connections=1_000)
    async with httpx2.AsyncClient(base_url=api.url, timeout=60, trust_env=False, limits=limits) as client:
        waits: list[asyncio.Task[httpx2.Response]] = []
        while len(waits) < 200:
            waits += [asyncio.create_task(client.get(f"/v1/jobs/{job_id}", headers=LONG)) for _ in range(10)]
            count = len(waits)
            await asyncio.to_thread(wait_until, lambda count=count: watched(api, job_id) == count)
        assert (await client.post(f"/v1/jobs/{job_id}/cancel")).status_code == 200
        responses = await asyncio.gather(*waits)
    assert {(response.status_code, response.json().get("status")) for response in responses} == {(200, "canceled")}


def test_change_that_the_subscription_missed_is_found_when_it_is_back(
    api: RunningApi, http: httpx2.Client, worker: Worker, redis_url: str, pool: ThreadPoolExecutor
) -> None:
    """The message is lost with the connection; the waiter rereads the job long before its heartbeat."""
    job_id = submit(http)
    record = worker.claim()
    waiting = pool.submit(http.get, f"/v1/jobs/{job_id}", headers=LONG)
    wait_until(lambda: watched(api, job_id))
    time.sleep(0.3)
    with redis.Redis.from_url(redis_url) as client:
        client.client_kill_filter(_type="pubsub")
        worker.fail(record)
    response = waiting.result(timeout=HEARTBEAT_S - 3)
    assert (response.status_code, response.json()["status"]) == (200, "failed")


def test_waiter_survives_an_outage(
    api: RunningApi, http: httpx2.Client, worker: Worker, valkey: Valkey, pool: ThreadPoolExecutor
) -> None:
    job_id = submit(http)
    record = worker.claim()
    waiting = pool.submit(http.get, f"/v1/jobs/{job_id}", headers=LONG)
    wait_until(lambda: watched(api, job_id))
    time.sleep(0.3)
    valkey.restart()
    worker.finish(record)
    response = waiting.result(timeout=25)
    assert (response.status_code, response.json()["status"]) == (200, "succeeded")


def test_shutdown_ends_waits_with_the_job_as_it_is(settings_for: SettingsFor, pool: ThreadPoolExecutor) -> None:
    with RunningApi(settings_for()) as api, api.client() as http:
        job_id = submit(http)
        waiting = pool.submit(http.get, f"/v1/jobs/{job_id}", headers=LONG)
        wait_until(lambda: watched(api, job_id))
        stopping = threading.Thread(target=api.stop)
        stopping.start()
        response = waiting.result(timeout=10)
        assert (response.status_code, response.json()["status"]) == (200, "queued")
        stopping.join()
