"""A damaged record in the history: the API names it and shows all others, and a purge deletes it."""

from typing import Any

import httpx2
import pytest
import redis

from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.objects import FolderStore
from renderq_shared.redis.clients import sync_client
from tests.api.conftest import SettingsFor
from tests.api.problems import problem
from tests.api.running_api import RunningApi
from tests.api.worker import Worker
from tests.polling import files_in, wait_until
from tests.shared.history.raw_sql import execute


def archived_batch(http: httpx2.Client, worker: Worker, client: redis.Redis) -> list[str]:
    """Return the ids of three jobs of a batch that only the history has, the newest first."""
    batch = http.post("/v1/batches", json={"requests": [{"prompt": "x"}] * 3}).json()
    ids = [job["id"] for job in http.get(batch["urls"]["jobs"]).json()["data"]]
    for _ in ids:
        worker.finish(worker.claim())
    wait_until(lambda: not client.exists(*(f"rq:job:{job_id}" for job_id in ids)), "the release of the jobs")
    return ids


def pages(http: httpx2.Client, limit: int) -> list[dict[str, Any]]:
    """Return all pages of the list of jobs."""
    found = [http.get("/v1/jobs", params={"limit": limit}).json()]
    while cursor := found[-1]["next_cursor"]:
        found.append(http.get("/v1/jobs", params={"limit": limit, "cursor": cursor}).json())
    return found


@pytest.mark.parametrize("path", ["$.version", "$.outputs_json"])
def test_it_is_named_and_all_others_are_shown(
    settings_for: SettingsFor, redis_url: str, store: RedisJobStore, path: str
) -> None:
    settings = settings_for(sweep_seconds=0.1, recent_seconds=0)
    with RunningApi(settings) as api, api.client() as http, sync_client(redis_url) as client:
        worker = Worker(store, FolderStore(settings.store_folder))
        worker.register()
        newest, damaged, oldest = archived_batch(http, worker, client)
        execute(
            settings.history_database,
            f"UPDATE jobs SET record = json_set(record, '{path}', '[') WHERE id IN ('{damaged}', '{newest}')",
        )
        page = http.get("/v1/jobs").json()
        assert [job["id"] for job in page["data"]] == [oldest]
        (warning,) = page["warnings"]
        assert warning["code"] == "record_unreadable"
        assert damaged in warning["message"]
        for _ in range(2):
            http.post("/v1/jobs", json={"prompt": "waits"}).raise_for_status()
        named = " ".join(warning["message"] for page in pages(http, limit=1) for warning in page["warnings"])
        assert (named.count(newest), named.count(damaged)) == (1, 1)
        assert http.get("/v1/batches").json()["data"][0]["counts"]["succeeded"] == 3
        for response in (http.get(f"/v1/jobs/{damaged}"), http.get(f"/v1/jobs/{damaged}/events")):
            assert "renderq history check" in problem(response, "record_unreadable")["detail"]
        canceled = http.post("/v1/jobs/cancel", json={"ids": [damaged]}).json()
        assert [refusal["id"] for refusal in canceled["refusals"]] == [damaged] * (path == "$.version")
        assert http.delete(f"/v1/jobs/{damaged}").status_code == 204
        problem(http.get(f"/v1/jobs/{damaged}"), "not_found")
        http.delete("/v1/tenants/default/data")
        wait_until(lambda: http.get("/v1/tenants/default/data").json()["completed_at"], "the end of the purge")
        assert http.get("/v1/jobs").json() == {"data": [], "next_cursor": None, "warnings": []}
        wait_until(
            lambda: not any(path.endswith(".png") for path in files_in(settings.store_folder)),
            "the removal of the files",
        )
