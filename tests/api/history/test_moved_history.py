"""A service moves from SQLite to PostgreSQL: nothing is lost, and what users delete meanwhile stays deleted."""

import httpx2
import pytest
import redis

from renderq.cli import main
from renderq_shared.redis.clients import sync_client
from tests.api.conftest import SettingsFor
from tests.api.problems import problem
from tests.api.running_api import RunningApi
from tests.polling import wait_until


def archived(http: httpx2.Client, client: redis.Redis, prompt: str) -> str:
    """Return the id of a canceled job that only the history has."""
    job_id = http.post("/v1/jobs", json={"prompt": prompt}).json()["id"]
    http.post(f"/v1/jobs/{job_id}/cancel")
    wait_until(lambda: not client.exists(f"rq:job:{job_id}"))
    return job_id


def ids(http: httpx2.Client, **query: str) -> list[str]:
    return [job["id"] for job in http.get("/v1/jobs", params=query).json()["data"]]


def test_a_service_moves_with_a_second_copy_after_its_stop(
    settings_for: SettingsFor, redis_url: str, postgres_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = settings_for(sweep_seconds=0.1, recent_seconds=0)
    after = settings_for(sweep_seconds=0.1, recent_seconds=0, history_url=postgres_url)
    copy = ["history", "copy", "--redis-url", redis_url, before.history_database, postgres_url]
    with sync_client(redis_url) as client:
        with RunningApi(before) as api, api.client() as http:
            deleted, kept = archived(http, client, "a red circle"), archived(http, client, "a blue star")
            assert main(copy) == 0
            assert "writes to the source; once it has stopped, copy again" in capsys.readouterr().err
            http.delete(f"/v1/jobs/{deleted}")
            http.patch(f"/v1/jobs/{kept}", json={"kept": True, "labels": ["favorite"]})
            late = archived(http, client, "a red ring")
            usage = http.get("/v1/usage").json()
        assert main(copy) == 0
        assert capsys.readouterr().err == ""
        with RunningApi(after) as api, api.client() as http:
            assert ids(http) == [late, kept]
            assert ids(http, q="red") == [late]
            assert ids(http, label="favorite") == [kept]
            problem(http.get(f"/v1/jobs/{deleted}"), "not_found")
            assert http.get("/v1/usage").json() == usage
            check = ["history", "check", "--redis-url", redis_url, "--history-url", postgres_url]
            assert main(check) == 0
            assert "1 of 1 API processes use this history" in capsys.readouterr().out
