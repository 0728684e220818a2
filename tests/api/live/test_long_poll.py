"""`Prefer: wait=N`: a request that answers when the job ends, and no later than it was asked to."""

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
from tests.api.running_api import RunningApi, wait_until
from tests.api.worker import Worker
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
    answer = waiting.result(timeout=10)
    assert (answer.status_code, answer.json()["status"]) == (200, "succeeded")
    assert len(answer.json()["outputs"]) == 1
    assert answer.headers["preference-applied"] == "wait=30"
    assert answer.headers["etag"] == f'W/"{answer.json()["version"]}"'
    wait_until(lambda: not watched(api, job_id))


def test_post_answers_when_the_job_ends(http: httpx2.Client, worker: Worker, pool: ThreadPoolExecutor) -> None:
    waiting = pool.submit(http.post, "/v1/jobs", json={"prompt": "x"}, headers=LONG)
    wait_until(lambda: http.get("/v1/models/shapes").json()["queued_jobs"])
    worker.finish(worker.claim())
    answer = waiting.result(timeout=10)
    assert (answer.status_code, answer.json()["status"]) == (201, "succeeded")
    assert answer.headers["preference-applied"] == "wait=30"
    assert answer.headers["location"] == answer.json()["urls"]["self"]


def test_ended_job_is_answered_at_once(http: httpx2.Client) -> None:
    job_id = submit(http)
    http.post(f"/v1/jobs/{job_id}/cancel")
    answer = http.get(f"/v1/jobs/{job_id}", headers=LONG)
    assert (answer.json()["status"], answer.headers["preference-applied"]) == ("canceled", "wait=30")
    assert answer.elapsed.total_seconds() < 15


def test_unfinished_job_is_a_normal_answer(http: httpx2.Client, worker: Worker) -> None:
    job_id = submit(http)
    answer = http.get(f"/v1/jobs/{job_id}", headers={"Prefer": "wait=1"})
    assert (answer.status_code, answer.json()["status"]) == (200, "queued")
    assert (answer.headers["retry-after"], answer.headers["preference-applied"]) == ("1", "wait=1")
    assert answer.json()["queue_position"] == 0
    assert answer.elapsed.total_seconds() >= 1


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
    answer = http.get(f"/v1/jobs/{submit(http)}", headers={"Prefer": sent})
    assert (answer.status_code, answer.headers.get("preference-applied")) == (200, applied)


def test_longer_waits_are_cut_and_say_so(http: httpx2.Client) -> None:
    job_id = submit(http)
    http.post(f"/v1/jobs/{job_id}/cancel")
    answer = http.get(f"/v1/jobs/{job_id}", headers={"Prefer": "wait=3600"})
    assert answer.headers["preference-applied"] == "wait=60"


def test_unchanged_after_the_wait_is_304(http: httpx2.Client) -> None:
    headers = {"Prefer": "wait=1", "If-None-Match": 'W/"1"'}
    answer = http.get(f"/v1/jobs/{submit(http)}", headers=headers)
    assert (answer.status_code, answer.headers["preference-applied"]) == (304, "wait=1")


def test_unknown_job_is_not_waited_for(http: httpx2.Client) -> None:
    answer = http.get("/v1/jobs/job_01m8563bxs7b4s8yve7cdp6k2z", headers=LONG)
    problem(answer, "not_found")
    assert answer.elapsed.total_seconds() < 15


def test_cancel_ends_the_wait(api: RunningApi, http: httpx2.Client, pool: ThreadPoolExecutor) -> None:
    job_id = submit(http)
    waiting = [pool.submit(http.get, f"/v1/jobs/{job_id}", headers=LONG) for _ in range(10)]
    wait_until(lambda: watched(api, job_id))
    http.post(f"/v1/jobs/{job_id}/cancel")
    assert {answer.result(timeout=10).json()["status"] for answer in waiting} == {"canceled"}


def test_client_that_hangs_up_is_dropped(api: RunningApi, http: httpx2.Client) -> None:
    job_id = submit(http)
    with socket.create_connection((http.base_url.host, http.base_url.port)) as connection:
        request = f"GET /v1/jobs/{job_id} HTTP/1.1\r\nHost: localhost\r\nPrefer: wait=60\r\n\r\n"
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
        answers = await asyncio.gather(*waits)
    assert {(answer.status_code, answer.json().get("status")) for answer in answers} == {(200, "canceled")}


def test_change_that_the_subscription_missed_is_found_when_it_is_back(
    api: RunningApi, http: httpx2.Client, worker: Worker, redis_url: str, pool: ThreadPoolExecutor
) -> None:
    """The message is lost with the connection; the waiter reads again, long before its heartbeat."""
    job_id = submit(http)
    record = worker.claim()
    waiting = pool.submit(http.get, f"/v1/jobs/{job_id}", headers=LONG)
    wait_until(lambda: watched(api, job_id))
    time.sleep(0.3)
    with redis.Redis.from_url(redis_url) as client:
        client.client_kill_filter(_type="pubsub")
        worker.fail(record)
    answer = waiting.result(timeout=HEARTBEAT_S - 3)
    assert (answer.status_code, answer.json()["status"]) == (200, "failed")


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
    answer = waiting.result(timeout=25)
    assert (answer.status_code, answer.json()["status"]) == (200, "succeeded")


def test_shutdown_ends_waits_with_the_job_as_it_is(settings_for: SettingsFor, pool: ThreadPoolExecutor) -> None:
    with RunningApi(settings_for()) as api, api.client() as http:
        job_id = submit(http)
        waiting = pool.submit(http.get, f"/v1/jobs/{job_id}", headers=LONG)
        wait_until(lambda: watched(api, job_id))
        stopping = threading.Thread(target=api.stop)
        stopping.start()
        answer = waiting.result(timeout=10)
        assert (answer.status_code, answer.json()["status"]) == (200, "queued")
        stopping.join()
