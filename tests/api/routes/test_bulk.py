"""`POST /v1/jobs/cancel` and `/delete`: many jobs, with counts and refusals."""

from typing import Any

import httpx2
import pytest

from renderq import AsyncClient, Client
from renderq.cli import main
from renderq_shared.jobs import commands
from renderq_shared.jobs.redis import RedisJobStore
from tests.api.conftest import SettingsFor
from tests.api.problems import NO_JOB, pointers, problem
from tests.api.running_api import RunningApi
from tests.api.worker import Worker
from tests.polling import wait_until


def submit(http: httpx2.Client, **fields: object) -> str:
    return http.post("/v1/jobs", json={"prompt": "x", **fields}).json()["id"]


def status(http: httpx2.Client, job_id: str) -> str:
    return http.get(f"/v1/jobs/{job_id}").json()["status"]


def ask(http: httpx2.Client, action: str, **body: object) -> dict[str, Any]:
    response = http.post(f"/v1/jobs/{action}", json=body)
    assert response.status_code == 200, response.text
    return response.json()


def refused(result: dict[str, Any]) -> dict[str, str]:
    return {refusal["id"]: refusal["code"] for refusal in result["refusals"]}


def test_jobs_are_canceled_by_their_ids(http: httpx2.Client, worker: Worker) -> None:
    running, ended = submit(http, priority=2), submit(http, priority=1)
    record = worker.claim()
    worker.fail(worker.claim())
    queued = submit(http)
    result = ask(http, "cancel", ids=[running, queued, queued, ended, NO_JOB, "nonsense"])
    assert (result["canceled"], result["unchanged"]) == (2, 1)
    assert refused(result) == {NO_JOB: "not_found", "nonsense": "not_found"}
    assert [status(http, each) for each in (running, queued, ended)] == ["canceling", "canceled", "failed"]
    worker.cancel(record)
    again = ask(http, "cancel", ids=[running, queued])
    assert (again["canceled"], again["unchanged"], again["refusals"]) == (2, 0, [])


def test_all_queued_jobs_are_canceled_and_running_ones_continue(
    http: httpx2.Client, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("renderq_api.history.bulk_operations._CHUNK", 2)
    running = submit(http, priority=1)
    worker.claim()
    queued = [submit(http) for _ in range(5)]
    assert ask(http, "cancel", status="queued", model="other") == {"canceled": 0, "unchanged": 0, "refusals": []}
    assert ask(http, "cancel", status="queued", model="shapes") == {"canceled": 5, "unchanged": 0, "refusals": []}
    assert {status(http, each) for each in queued} == {"canceled"}
    assert status(http, running) == "running"
    assert ask(http, "cancel", status="queued")["canceled"] == 0


def test_jobs_are_deleted_by_their_ids(http: httpx2.Client, worker: Worker) -> None:
    ended = [submit(http) for _ in range(3)]
    ask(http, "cancel", ids=ended)
    queued = submit(http)
    result = ask(http, "delete", ids=[*ended, queued, NO_JOB])
    assert (result["deleted"], refused(result)) == (3, {queued: "job_not_terminal", NO_JOB: "not_found"})
    assert all(http.get(f"/v1/jobs/{each}").status_code == 404 for each in ended)
    assert ask(http, "delete", ids=ended)["deleted"] == 3, "a repeat within two minutes says the same"


def test_jobs_that_only_the_history_has_count_too(settings_for: SettingsFor, store: RedisJobStore) -> None:
    with RunningApi(settings_for(sweep_seconds=0.1, recent_seconds=0)) as api, api.client() as http:
        job_id = submit(http)
        ask(http, "cancel", ids=[job_id])
        wait_until(lambda: store.call(commands.get_job("default", job_id)) is None)
        assert ask(http, "cancel", ids=[job_id])["canceled"] == 1
        assert ask(http, "delete", ids=[job_id]) == {"deleted": 1, "refusals": []}
        problem(http.get(f"/v1/jobs/{job_id}"), "not_found")


@pytest.mark.parametrize(
    ("action", "body", "pointer"),
    [
        ("cancel", {}, ""),
        ("cancel", {"ids": [NO_JOB], "status": "queued"}, ""),
        ("cancel", {"ids": [NO_JOB], "model": "shapes"}, ""),
        ("cancel", {"status": "queued", "model": ""}, "/model"),
        ("cancel", {"status": "running"}, "/status"),
        ("cancel", {"ids": []}, "/ids"),
        ("delete", {"ids": [NO_JOB] * 101}, "/ids"),
        ("delete", {"ids": [1]}, "/ids/0"),
        ("delete", {"status": "queued"}, "/ids"),
    ],
)
def test_a_body_without_meaning_is_refused(
    http: httpx2.Client, action: str, body: dict[str, Any], pointer: str
) -> None:
    document = problem(http.post(f"/v1/jobs/{action}", json=body), "invalid_request")
    assert pointer in pointers(document)


async def test_client_and_command_line_take_any_number(
    api: RunningApi, http: httpx2.Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RENDERQ_URL", api.url)
    ids = [submit(http) for _ in range(4)]
    with Client() as client:
        assert client.jobs.cancel_many([NO_JOB] * 3 + [f"job_{n}" for n in range(120)] + ids[:1]).canceled == 1
        assert client.jobs.cancel_queued(model="shapes").canceled == 3
        result = client.jobs.delete_many([ids[0], NO_JOB])
        assert (result.deleted, [refusal.code for refusal in result.refusals]) == (1, ["not_found"])
    async with AsyncClient() as client:
        assert (await client.jobs.cancel_many(ids[1:3])).canceled == 2
        assert (await client.jobs.cancel_queued()).canceled == 0
        assert (await client.jobs.delete_many(ids[1:2])).deleted == 1
    capsys.readouterr()
    assert main(["cancel", "--queued", "--model", "shapes"]) == 0
    assert "0 canceled\n" in capsys.readouterr().out
    assert main(["cancel", ids[2], ids[3], NO_JOB]) == 2
    printed = capsys.readouterr()
    assert "2 canceled\n" in printed.out
    assert f"{NO_JOB}: Job not found. (not_found)" in printed.err
    assert main(["delete", ids[2], ids[3]]) == 0
    assert main(["cancel"]) == main(["cancel", "--queued", ids[2]]) == main(["cancel", ids[2], "--model", "x"]) == 2
