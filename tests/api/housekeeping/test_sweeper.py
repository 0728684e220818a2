"""Sweeper: expired leases, lost wake-ups, outages."""

import time

import httpx2
import pytest
import redis
from structlog.testing import capture_logs

from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.objects import FolderStore
from renderq_shared.redis.wakeup_queues import queue_name
from tests.api.conftest import SettingsFor
from tests.api.running_api import RunningApi
from tests.api.worker import Worker
from tests.polling import wait_until
from tests.redis_refusals import REFUSALS, full_memory
from tests.valkey_server import Valkey

LEASE_MS = 300


def submit(http: httpx2.Client) -> str:
    return http.post("/v1/jobs", json={"prompt": "x"}).json()["id"]


@pytest.fixture
def quick(settings_for: SettingsFor) -> RunningApi:
    return RunningApi(settings_for(sweep_seconds=0.1, lease_seconds=LEASE_MS / 1000))


def worker_of(api: RunningApi, store: RedisJobStore) -> Worker:
    worker = Worker(store, FolderStore(api.settings.store_folder))
    worker.register()
    return worker


def test_job_of_a_silent_worker_is_put_back(quick: RunningApi, store: RedisJobStore) -> None:
    with quick as api, api.client() as http:
        worker = worker_of(api, store)
        job_id = submit(http)
        worker.claim(LEASE_MS)
        wait_until(lambda: http.get(f"/v1/jobs/{job_id}").json()["status"] == "queued")
        job = http.get(f"/v1/jobs/{job_id}").json()
        assert (job["attempt"], job["queue_position"], job["stage"]) == (1, 0, None)


def test_job_that_loses_all_its_workers_fails(quick: RunningApi, store: RedisJobStore) -> None:
    with quick as api, api.client() as http:
        worker = worker_of(api, store)
        job_id = submit(http)
        for attempt in range(1, 4):
            wait_until(lambda: http.get("/v1/models/shapes").json()["queued_jobs"])
            claimed = worker.claim(LEASE_MS)
            assert claimed.attempt == attempt
            worker.report(claimed, "encoding")
        job = http.get(f"/v1/jobs/{job_id}", headers={"Prefer": "wait=20"}).json()
        assert (job["status"], job["error"]["code"], job["attempt"]) == ("failed", "worker_lost", 3)


def test_lost_wakeups_are_published_again(quick: RunningApi, store: RedisJobStore, redis_url: str) -> None:
    with quick as api, api.client() as http, redis.Redis.from_url(redis_url) as client:
        worker_of(api, store)
        for _ in range(3):
            submit(http)
        wait_until(lambda: client.llen(queue_name("shapes")) >= 3)
        client.delete(queue_name("shapes"))
        wait_until(lambda: client.llen(queue_name("shapes")) >= 3)


def test_wakeups_stay_below_the_bound(quick: RunningApi, store: RedisJobStore, redis_url: str) -> None:
    with quick as api, api.client() as http, redis.Redis.from_url(redis_url) as client:
        worker_of(api, store)
        for _ in range(api.settings.max_pending_wakeups):
            submit(http)
        wait_until(lambda: client.llen(queue_name("shapes")) >= api.settings.max_pending_wakeups)
        for _ in range(24):
            submit(http)
        time.sleep(1)
        assert client.llen(queue_name("shapes")) <= 2 * api.settings.max_pending_wakeups


def test_models_that_no_worker_serves_get_no_wakeups_from_sweeps(quick: RunningApi, redis_url: str) -> None:
    with quick as api, api.client() as http, redis.Redis.from_url(redis_url) as client:
        submit(http)
        wait_until(lambda: client.llen(queue_name("shapes")))
        client.delete(queue_name("shapes"))
        time.sleep(1)
        assert client.llen(queue_name("shapes")) == 0


def test_sweeping_goes_on_after_an_outage(
    quick: RunningApi, store: RedisJobStore, valkey: Valkey, capfd: pytest.CaptureFixture[str]
) -> None:
    with quick as api, api.client() as http:
        worker = worker_of(api, store)
        job_id = submit(http)
        worker.claim(LEASE_MS)
        valkey.kill()
        time.sleep(1)
        valkey.restart()
        wait_until(lambda: http.get(f"/v1/jobs/{job_id}").json().get("status") == "queued")
    # Logged once by this API and once by each other one of this process; not once per sweep.
    assert 1 <= capfd.readouterr().out.count("redis.unavailable") <= 5


def test_api_that_starts_while_redis_is_full_sweeps(quick: RunningApi, store: RedisJobStore, redis_url: str) -> None:
    with quick as api, api.client() as http:
        job_id = submit(http)
        worker_of(api, store).claim(LEASE_MS)
        api.stop()
        with full_memory(redis_url), RunningApi(api.settings) as restarted, restarted.client() as http:
            wait_until(lambda: http.get(f"/v1/jobs/{job_id}").json().get("status") == "queued")


@pytest.mark.parametrize("code", ["NOREPLICAS", "OOM"])
def test_a_refusal_is_logged_once_with_its_reason(
    quick: RunningApi, redis_url: str, capfd: pytest.CaptureFixture[str], code: str
) -> None:
    with quick as api, api.client() as http:
        capfd.readouterr()
        with REFUSALS[code](redis_url):
            for _ in range(8):
                submit_refused(http)
                time.sleep(0.1)
        wait_until(lambda: http.get("/readyz").status_code == 200)
    logged = capfd.readouterr().out
    assert "Traceback" not in logged
    assert 1 <= logged.count("redis.unavailable") <= 2
    assert f"({code})" in logged


def test_a_warning_about_the_server_is_not_repeated_while_it_refuses(
    quick: RunningApi, redis_url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with quick as api, api.client() as http, redis.Redis.from_url(redis_url) as client:
        client.config_set("appendonly", "no")
        try:
            with REFUSALS["OOM"](redis_url):
                wait_until(lambda: "redis.unavailable" in capfd.readouterr().out)
                first = script_calls(client)
                wait_until(lambda: script_calls(client) > first + 20)  # some of them sweeps
                assert "redis.misconfigured" not in capfd.readouterr().out
            wait_until(lambda: http.get("/readyz").status_code == 200)
        finally:
            client.config_set("appendonly", "yes")


def script_calls(client: redis.Redis) -> int:
    return client.info("commandstats")["cmdstat_evalsha"]["calls"]


def submit_refused(http: httpx2.Client) -> None:
    assert http.post("/v1/jobs", json={"prompt": "x"}).status_code == 503


def test_the_end_of_a_job_without_a_worker_is_logged_once(settings_for: SettingsFor) -> None:
    with (
        RunningApi(settings_for(sweep_seconds=0.05)) as first,
        RunningApi(settings_for(sweep_seconds=0.05)),
        first.client() as http,
        capture_logs() as logs,
    ):
        job_ids = [submit(http) for _ in range(5)]
        for job_id in job_ids:
            http.post(f"/v1/jobs/{job_id}/cancel", json={})
        wait_until(lambda: sum(record["event"] == "job.ended" for record in logs) >= len(job_ids))
    ended = [record for record in logs if record["event"] == "job.ended"]
    assert sorted(record["job_id"] for record in ended) == sorted(job_ids)
    expected = {"tenant": "default", "model": "shapes", "task": "txt2img", "status": "canceled", "attempt": 0}
    assert all(expected.items() <= record.items() for record in ended)
