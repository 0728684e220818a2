"""`POST /v1/jobs/{id}/move`: the order of a tenant's queued jobs."""

from typing import Any

import httpx2
import pytest

from renderq import AsyncClient, Client, InvalidRequest, Status
from renderq.cli import main
from renderq.testing import FakeService, JobScript
from renderq_shared.jobs import commands
from renderq_shared.jobs.redis import RedisJobStore
from tests.api.conftest import SettingsFor
from tests.api.problems import NO_JOB, pointers, problem
from tests.api.running_api import RunningApi
from tests.api.worker import Worker
from tests.polling import wait_until


def submit(http: httpx2.Client, **fields: object) -> str:
    return http.post("/v1/jobs", json={"prompt": "x", **fields}).json()["id"]


def move(http: httpx2.Client, job_id: str, **body: str) -> httpx2.Response:
    return http.post(f"/v1/jobs/{job_id}/move", json=body)


def test_the_response_is_the_job_with_its_new_position(http: httpx2.Client, worker: Worker) -> None:
    first, second, third = submit(http), submit(http), submit(http)
    moved = move(http, third, to="front").json()
    assert (moved["id"], moved["queue_position"], moved["wait_reason"], moved["version"]) == (third, 0, "queued", 1)
    assert move(http, first, to="back").json()["queue_position"] == 2
    assert move(http, first, before=second).json()["queue_position"] == 1
    assert [worker.claim().id for _ in range(3)] == [third, first, second]


def test_only_queued_jobs_can_be_moved(http: httpx2.Client, worker: Worker) -> None:
    running, queued = submit(http), submit(http)
    record = worker.claim()
    assert "running" in problem(move(http, running, to="front"), "job_not_queued")["detail"]
    document = problem(move(http, queued, before=running), "job_not_queued")
    assert pointers(document) == {"/before": "job_not_queued"}
    assert pointers(problem(move(http, queued, before=NO_JOB), "job_not_queued")) == {"/before": "job_not_queued"}
    worker.fail(record)
    problem(move(http, running, to="front"), "job_not_queued")
    problem(move(http, NO_JOB, to="front"), "not_found")


def test_a_job_that_only_the_history_has_is_not_queued_either(settings_for: SettingsFor, store: RedisJobStore) -> None:
    with RunningApi(settings_for(sweep_seconds=0.1, recent_seconds=0)) as api, api.client() as http:
        job_id = submit(http)
        http.post(f"/v1/jobs/{job_id}/cancel")
        wait_until(lambda: store.call(commands.get_job("default", job_id)) is None)
        assert "canceled" in problem(move(http, job_id, to="back"), "job_not_queued")["detail"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [({}, ""), ({"to": "front", "before": NO_JOB}, ""), ({"to": "top"}, "/to"), ({"before": 1}, "/before")],
)
def test_a_body_without_meaning_is_refused(http: httpx2.Client, body: dict[str, Any], pointer: str) -> None:
    response = http.post(f"/v1/jobs/{submit(http)}/move", json=body)
    assert list(pointers(problem(response, "invalid_request"))) == [pointer]


async def test_client_and_command_line_move(
    api: RunningApi,
    http: httpx2.Client,
    worker: Worker,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("RENDERQ_URL", api.url)
    first, second, third = submit(http), submit(http), submit(http)
    with Client() as client:
        handle = client.job(third)
        assert handle.move(to="front").queue_position == 0
        assert handle.move(before=second).queue_position == handle.job.queue_position == 1
        with pytest.raises(InvalidRequest, match="job_not_queued"):
            handle.move(before=NO_JOB)
    async with AsyncClient() as client:
        assert (await (await client.job(first)).move(to="back")).queue_position == 2
    capsys.readouterr()
    assert main(["move", second, "--front"]) == 0
    assert f"{second}  queued" in capsys.readouterr().out
    assert main(["move", second, "--before", first]) == 0
    assert f"{second}  queued: 1 ahead" in capsys.readouterr().out
    assert main(["move", second]) == main(["move", second, "--front", "--before", first]) == 2


def test_the_fake_service_moves_queued_jobs() -> None:
    with FakeService() as service, Client(service.url) as client:
        service.script(JobScript(seconds=60, status=Status.EXPIRED))
        waiting, ended = client.submit("x"), client.submit("x")
        assert waiting.move(to="front").id == waiting.id
        with pytest.raises(InvalidRequest):
            ended.move(to="front")
