"""List, retry and delete jobs with both clients and on the command line."""

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import parse_qs, urlsplit

import pytest

from renderq import AsyncClient, Client, InvalidArgument, InvalidRequest, Status
from renderq.cli import main
from renderq.testing import DROPPED, FakeResponse, FakeService, problem
from tests.shared.renderq.factories import job

STATS = {"queued_jobs": 1, "running_jobs": 0, "workers": 2, "models": []}


def page(*ids: str, cursor: str | None = None) -> FakeResponse:
    jobs = [json.loads(job("failed", id=name).model_dump_json()) for name in ids]
    return FakeResponse(200, {"data": jobs, "next_cursor": cursor})


def script_pages(server: FakeService) -> None:
    server.on("GET", "/v1/jobs?limit=2", page("job_5", "job_4", cursor="a+b"))
    server.on("GET", "/v1/jobs?limit=2&cursor=a%2Bb", page(cursor="c"))
    server.on("GET", "/v1/jobs?limit=2&cursor=c", page("job_3"))


def test_a_list_goes_through_all_pages_also_empty_ones(server: FakeService, client: Client) -> None:
    script_pages(server)
    assert [found.id for found in client.jobs.list(page_size=2)] == ["job_5", "job_4", "job_3"]


@pytest.mark.parametrize("name", ["limit", "cursor"])
def test_what_pages_are_made_of_is_no_filter(name: str, server: FakeService, client: Client) -> None:
    with pytest.raises(InvalidArgument, match=f"^{name} is no filter: .*islice"):
        list(client.jobs.list(**{name: 2}))
    assert server.received == []


async def test_the_async_list_does_the_same(server: FakeService) -> None:
    script_pages(server)
    async with AsyncClient(server.url) as client:
        assert [found.id async for found in client.jobs.list(page_size=2)] == ["job_5", "job_4", "job_3"]


def test_pages_are_fetched_as_they_are_used(server: FakeService, client: Client) -> None:
    script_pages(server)
    listed = client.jobs.list(page_size=2)
    assert not server.received
    next(listed)
    assert len(server.received) == 1


def test_filters_are_sent_as_the_service_wants_them(server: FakeService, client: Client) -> None:
    noon = datetime(2026, 1, 31, 12, 0, tzinfo=timezone(timedelta(hours=2)))
    assert list(client.jobs.list(status=Status.FAILED, model="a b", created_after=noon, created_before=None)) == []
    assert parse_qs(urlsplit(server.received[0].path).query) == {
        "limit": ["20"],
        "status": ["failed"],
        "model": ["a b"],
        "created_after": ["2026-01-31T10:00:00Z"],
    }


def test_retry_is_a_new_job_and_one_however_often_it_is_sent(server: FakeService, client: Client) -> None:
    server.on("GET", "/v1/jobs/job_1", FakeResponse(200, job("failed")))
    server.on("POST", "/v1/jobs/job_1/retry", DROPPED, FakeResponse(201, job(id="job_2", retried_from="job_1")))
    again = client.job("job_1").retry()
    assert (again.id, again.job.retried_from) == ("job_2", "job_1")
    attempts = server.requests("POST", "/v1/jobs/job_1/retry")
    assert (len(attempts), len({attempt.headers["Idempotency-Key"] for attempt in attempts})) == (2, 1)


async def test_delete_and_stats(server: FakeService, client: Client) -> None:
    server.on("GET", "/v1/jobs/job_1", FakeResponse(200, job("failed")))
    server.on("DELETE", "/v1/jobs/job_1", FakeResponse(204))
    server.on("GET", "/v1/stats", FakeResponse(200, STATS))
    client.job("job_1").delete()
    client.jobs.delete("job_1")
    async with AsyncClient(server.url) as asynchronous:
        await (await asynchronous.job("job_1")).delete()
        await asynchronous.jobs.delete("job_1")
        assert await asynchronous.stats() == client.stats()
    assert len(server.requests("DELETE", "/v1/jobs/job_1")) == 4
    assert client.stats().workers == 2


def test_a_job_that_has_not_ended_is_an_invalid_request(server: FakeService, client: Client) -> None:
    server.on("DELETE", "/v1/jobs/job_1", problem("job_not_terminal", "The job has not ended."))
    with pytest.raises(InvalidRequest, match="has not ended"):
        client.jobs.delete("job_1")


def test_jobs_as_a_table_and_as_json(
    server: FakeService, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RENDERQ_URL", server.url)
    server.on("GET", "/v1/jobs?limit=2&status=failed", page("job_2", "job_1", cursor="c"))
    server.on("GET", "/v1/jobs?limit=20", page())
    assert main(["jobs", "--status", "failed", "--limit", "2"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert [" ".join(row.split()) for row in rows] == [
        "ID STATUS MODEL CREATED SEED KEPT LABELS PROMPT",
        "job_2 failed shapes 2026-01-31 12:00 - - - a circle",
        "job_1 failed shapes 2026-01-31 12:00 - - - a circle",
    ]
    assert main(["jobs", "--status", "failed", "--limit", "2", "--json"]) == 0
    assert [one["id"] for one in json.loads(capsys.readouterr().out)] == ["job_2", "job_1"]
    assert main(["jobs"]) == 0
    assert capsys.readouterr().out == "no jobs\n"


def test_times_on_the_command_line(server: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RENDERQ_URL", server.url)
    main(["jobs", "--created-after", "2026-01-31T12:00:00+01:00", "--created-before", "2026-02-01"])
    query = parse_qs(urlsplit(server.received[0].path).query)
    assert query["created_after"] == ["2026-01-31T11:00:00Z"]
    local = datetime(2026, 2, 1).astimezone(UTC)
    assert query["created_before"] == [local.isoformat().replace("+00:00", "Z")]


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--limit", "0", "'0' is not a whole number from 1 to 1,000,000,000"),
        ("--created-after", "last week", "'last week' is not a time, such as 2026-01-31T12:00:00Z"),
    ],
)
def test_invalid_filters_are_refused(option: str, value: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["jobs", option, value]) == 2
    assert re.search(rf"'{option}'.*: {re.escape(message)}", capsys.readouterr().err)


def test_retry_and_delete_on_the_command_line(
    server: FakeService, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RENDERQ_URL", server.url)
    server.on("GET", "/v1/jobs/job_1", FakeResponse(200, job("failed")))
    server.on("POST", "/v1/jobs/job_1/retry", FakeResponse(201, job(id="job_2")))
    server.on("DELETE", "/v1/jobs/job_1", FakeResponse(204))
    assert main(["retry", "job_1"]) == 0
    assert main(["delete", "job_1"]) == 0
    assert capsys.readouterr() == ("job_2\n", "")
