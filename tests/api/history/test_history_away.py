"""The history's database away: current jobs are not affected, ended ones wait in Redis, and nothing is lost."""

from dataclasses import replace

import httpx2
import psycopg
import pytest
import redis

from renderq.contract import Status
from renderq_api.history import BatchDirectory, JobDirectory
from renderq_shared.errors import HistoryUnavailable, HistoryUnsuitable
from renderq_shared.history import open_history
from renderq_shared.jobs import ArchivedVersion, Retention, commands
from renderq_shared.jobs.redis import AsyncRedisJobStore
from renderq_shared.redis.clients import async_client, sync_client
from tests.api.conftest import SettingsFor
from tests.api.problems import problem
from tests.api.running_api import RunningApi
from tests.job_store.factories import LEASE_MS, NO_LIMITS, new_batch
from tests.polling import wait_until
from tests.postgres_server import Postgres


def canceled(http: httpx2.Client) -> str:
    job_id = http.post("/v1/jobs", json={"prompt": "x"}).json()["id"]
    http.post(f"/v1/jobs/{job_id}/cancel")
    return job_id


def archived(client: redis.Redis, job_id: str) -> bool:
    return not client.exists(f"rq:job:{job_id}")


def execute(url: str, statement: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(statement)


def test_what_works_without_it_and_what_does_not(
    settings_for: SettingsFor, redis_url: str, postgres: Postgres, postgres_url: str
) -> None:
    settings = settings_for(sweep_seconds=0.1, recent_seconds=0, history_url=postgres_url)
    with RunningApi(settings) as api, api.client() as http, sync_client(redis_url) as client:
        batch = http.post("/v1/batches", json={"requests": [{"prompt": "x"}] * 2}).json()
        before, waiting = (job["id"] for job in http.get(batch["urls"]["jobs"]).json()["data"])
        http.post(f"/v1/jobs/{before}/cancel")
        wait_until(lambda: archived(client, before))
        postgres.kill()
        wait_until(lambda: http.get("/readyz").json()["status"] == "degraded")
        assert "history: " in http.get("/readyz").json()["problems"][0]
        problem(http.get(f"/v1/jobs/{before}"), "history_unavailable")
        problem(http.post(batch["urls"]["cancel"]), "history_unavailable")
        assert http.get(f"/v1/jobs/{waiting}").json()["status"] == "canceled"
        meanwhile = canceled(http)
        assert http.get(f"/v1/jobs/{meanwhile}").json()["status"] == "canceled"
        page = http.get("/v1/jobs").json()
        assert [job["id"] for job in page["data"]] == [meanwhile, waiting]
        assert [warning["code"] for warning in page["warnings"]] == ["history_unavailable"]
        problem(http.delete(f"/v1/jobs/{meanwhile}"), "history_unavailable")
        postgres.start()
        client.zadd("rq:unarchived", {meanwhile: 0, waiting: 0})  # as if the lease had expired
        wait_until(lambda: archived(client, meanwhile) and archived(client, waiting))
        page = http.get("/v1/jobs").json()
        assert ([job["id"] for job in page["data"]], page["warnings"]) == ([meanwhile, before, waiting], [])
        wait_until(lambda: http.get("/readyz").json()["status"] == "ok")


async def test_a_batch_is_not_retried_in_part(redis_url: str, postgres: Postgres, postgres_url: str) -> None:
    async with open_history(postgres_url) as history, async_client(redis_url) as client:
        await history.migrate()
        jobs = AsyncRedisJobStore(client)
        batches = BatchDirectory(jobs, history, JobDirectory(jobs, history))
        batch = new_batch("batch_a", 2)
        submitted = tuple(replace(job, batch_json='{"index":0,"jobs":2}') for job in batch.jobs)
        await jobs.call(commands.submit_batch(replace(batch, jobs=submitted), NO_LIMITS))
        for job_id in ("job_a0", "job_a1"):
            await jobs.call(commands.cancel("ada", job_id))
        whole = await batches.find("ada", "batch_a")
        found = await jobs.call(commands.get_job("ada", "job_a0"))
        assert whole
        assert found
        await history.archive([found[0]])
        await jobs.call(commands.confirm_archived([ArchivedVersion("job_a0", found[0].version)]))
        await jobs.call(commands.apply_retention(Retention(archived_ms=0), LEASE_MS, 100))
        assert {job.id for job in await batches.unsuccessful("ada", whole)} == {"job_a0", "job_a1"}
        postgres.kill()
        with pytest.raises(HistoryUnavailable):
            await batches.unsuccessful("ada", whole)
        rest = replace(whole, statuses={"job_a1": Status.CANCELED})
        assert [job.id for job in await batches.unsuccessful("ada", rest)] == ["job_a1"], "Redis has all of it"


def test_a_service_starts_without_it_and_migrates_it_later(
    settings_for: SettingsFor, redis_url: str, postgres: Postgres, postgres_url: str
) -> None:
    postgres.kill()
    settings = settings_for(sweep_seconds=0.1, recent_seconds=0, history_url=postgres_url)
    with RunningApi(settings) as api, api.client() as http, sync_client(redis_url) as client:
        postgres.start()
        job_id = canceled(http)
        client.zadd("rq:unarchived", {job_id: 0})
        wait_until(lambda: archived(client, job_id))
        assert http.get(f"/v1/jobs/{job_id}").json()["id"] == job_id


def test_a_history_that_takes_no_jobs_is_degraded_although_it_answers(
    settings_for: SettingsFor, redis_url: str, postgres_url: str
) -> None:
    settings = settings_for(sweep_seconds=0.1, recent_seconds=0, history_url=postgres_url)
    with RunningApi(settings) as api, api.client() as http, sync_client(redis_url) as client:
        execute(postgres_url, "ALTER TABLE jobs ADD CONSTRAINT full_disk CHECK (false)")
        job_id = canceled(http)
        wait_until(lambda: http.get("/readyz").json()["status"] == "degraded")
        assert {http.get("/readyz").json()["status"] for _ in range(50)} == {"degraded"}
        assert http.get("/v1/jobs").json()["warnings"] == []
        assert (settings.store_folder / "jobs" / job_id / "job.json").exists()  # before the history has it
        execute(postgres_url, "ALTER TABLE jobs DROP CONSTRAINT full_disk")
        client.zadd("rq:unarchived", {job_id: 0})
        wait_until(lambda: archived(client, job_id))
        wait_until(lambda: http.get("/readyz").json()["status"] == "ok")


def test_a_history_that_comes_back_empty_gets_its_tables(
    settings_for: SettingsFor, redis_url: str, postgres: Postgres, postgres_url: str
) -> None:
    settings = settings_for(sweep_seconds=0.1, recent_seconds=0, history_url=postgres_url)
    with RunningApi(settings) as api, api.client() as http, sync_client(redis_url) as client:
        postgres.empty()
        job_id = canceled(http)
        wait_until(lambda: http.get("/v1/jobs").json()["warnings"] == [])
        client.zadd("rq:unarchived", {job_id: 0})
        wait_until(lambda: archived(client, job_id))
        assert http.get(f"/v1/jobs/{job_id}").json()["status"] == "canceled"


def test_apis_with_different_histories_do_not_run_together(settings_for: SettingsFor, postgres_url: str) -> None:
    with RunningApi(settings_for(history_url=postgres_url)) as api:
        other = settings_for(history_url=f"sqlite:///{api.settings.data}/other.db")
        with pytest.raises(HistoryUnsuitable, match="RENDERQ_HISTORY_URL"), RunningApi(other):
            pass
        with RunningApi(settings_for(history_url=postgres_url)):
            pass
