"""Retention of jobs and images. Each test runs its own API: another one would delete from another folder."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import httpx2
import pytest
import redis

from renderq_shared.jobs import Retention, commands
from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.objects import FolderStore
from renderq_shared.redis.clients import sync_client
from tests.api.conftest import SettingsFor
from tests.api.problems import problem
from tests.api.running_api import RunningApi
from tests.api.worker import Worker
from tests.job_store.time_travel import make_older
from tests.polling import wait_until
from tests.shared.history.sqlite_file import make_history_older

HOUR_MS = 3_600_000


def submit(http: httpx2.Client, **headers: str) -> str:
    body = {"prompt": "x", "output": {"grid": True}}
    return http.post("/v1/jobs", json=body, headers=headers).json()["id"]


def succeeded(http: httpx2.Client, worker: Worker, **headers: str) -> str:
    job_id = submit(http, **headers)
    worker.finish(worker.claim())
    return job_id


def get_job(http: httpx2.Client, job_id: str) -> dict[str, object]:
    return http.get(f"/v1/jobs/{job_id}").json()


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with sync_client(redis_url) as client:
        yield client


def image_paths(api: RunningApi, job_id: str) -> list[Path]:
    try:
        return list((api.settings.store_folder / "jobs" / job_id).rglob("*.png"))
    except FileNotFoundError:  # it is just being deleted
        return []


def test_images_go_before_their_job(settings_for: SettingsFor, store: RedisJobStore, client: redis.Redis) -> None:
    settings = settings_for(sweep_seconds=0.1, output_retention_seconds=2 * 3600, job_retention_seconds=4 * 3600)
    with RunningApi(settings) as api, api.client() as http:
        worker = Worker(store, FolderStore(api.settings.store_folder))
        worker.register()
        job_id = succeeded(http, worker)
        fresh = get_job(http, job_id)
        assert (fresh["outputs_expired"], len(image_paths(api, job_id))) == (False, 2)
        ended, expires = (datetime.fromisoformat(str(fresh[name])) for name in ("completed_at", "expires_at"))
        assert expires - ended == timedelta(hours=2)
        wait_until(lambda: client.zscore("rq:archived", job_id))
        make_older(client, 3 * HOUR_MS)
        make_history_older(settings.data, 3 * HOUR_MS)
        wait_until(lambda: get_job(http, job_id)["outputs_expired"])
        wait_until(lambda: not image_paths(api, job_id))
        old = get_job(http, job_id)
        assert (old["status"], old["outputs"], old["grid"], old["request"]) == ("succeeded", [], None, fresh["request"])
        call = {"name": "get_image", "arguments": {"job": job_id}}
        told = http.post("/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}).json()
        assert told["result"]["content"][0]["text"] == "The images of this job have expired. Call generate_image again."
        for name in ("0", "grid"):
            assert (
                "Retention has deleted" in problem(http.get(f"/v1/jobs/{job_id}/images/{name}"), "not_found")["detail"]
            )
        wait_until(lambda: not client.exists(f"rq:job:{job_id}"))
        make_history_older(settings.data, 2 * HOUR_MS)
        wait_until(lambda: http.get(f"/v1/jobs/{job_id}").status_code == 404)
        assert http.get("/v1/jobs").json()["data"] == []


def test_without_limits_everything_stays(settings_for: SettingsFor, store: RedisJobStore, client: redis.Redis) -> None:
    with (
        RunningApi(settings_for(sweep_seconds=0.1, output_retention_seconds=0, job_retention_seconds=0)) as api,
        api.client() as http,
    ):
        worker = Worker(store, FolderStore(api.settings.store_folder))
        worker.register()
        kept, deleted = succeeded(http, worker), succeeded(http, worker)
        assert get_job(http, kept)["expires_at"] is None
        wait_until(lambda: client.zscore("rq:archived", kept))
        make_older(client, 10_000 * HOUR_MS)
        make_history_older(api.settings.data, 10_000 * HOUR_MS)
        http.delete(f"/v1/jobs/{deleted}")
        wait_until(lambda: not image_paths(api, deleted))  # retention has run
        assert (get_job(http, kept)["outputs_expired"], len(image_paths(api, kept))) == (False, 2)


def test_above_a_size_of_all_images_those_of_older_jobs_go(
    settings_for: SettingsFor, store: RedisJobStore, client: redis.Redis
) -> None:
    """The size is measured when the API starts, and then once a minute."""
    forever = settings_for(sweep_seconds=0.1, output_retention_seconds=0, job_retention_seconds=0)
    with RunningApi(forever) as api, api.client() as http:
        worker = Worker(store, FolderStore(api.settings.store_folder))
        worker.register()
        job_id = succeeded(http, worker)
        wait_until(lambda: client.zscore("rq:archived", job_id))
    with RunningApi(forever.model_copy(update={"output_limit_gb": 1e-9})) as api, api.client() as http:
        wait_until(lambda: get_job(http, job_id)["outputs_expired"])
        wait_until(lambda: not image_paths(api, job_id))


def test_files_of_a_process_that_died_are_removed_by_another(
    settings_for: SettingsFor, store: RedisJobStore, client: redis.Redis
) -> None:
    settings = settings_for(sweep_seconds=0.1)
    with RunningApi(settings) as api, api.client() as http:
        worker = Worker(store, FolderStore(api.settings.store_folder))
        worker.register()
        job_id = succeeded(http, worker)
    store.call(commands.delete("default", job_id))
    result = store.call(commands.apply_retention(Retention(None), 60_000, 100))
    assert result.removals == (f"jobs/{job_id}/",)
    assert len(image_paths(api, job_id)) == 2
    make_older(client, 60_000)
    with RunningApi(settings) as api:
        wait_until(lambda: not image_paths(api, job_id))
        wait_until(lambda: not client.exists("rq:removals"))
