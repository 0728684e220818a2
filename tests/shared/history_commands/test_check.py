"""`renderq history check`: what it prints, and its exit codes."""

import json
import re
from pathlib import Path

import pytest
import redis

from renderq.cli import main
from renderq_shared.jobs import commands
from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.redis.clients import sync_client
from tests.job_store.factories import submit
from tests.job_store.time_travel import make_older
from tests.redis_refusals import missing_permission
from tests.shared.history import raw_sql
from tests.shared.history.ended_jobs import ended_job, failed_job
from tests.shared.history_commands.conftest import archive, read_id


@pytest.fixture
def client(redis_url: str) -> redis.Redis:
    return sync_client(redis_url)


@pytest.fixture
def service_url(history_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """URL of the history of the settings."""
    monkeypatch.setenv("RENDERQ_HISTORY_URL", history_url)
    return history_url


def check(*options: str) -> int:
    return main(["history", "check", *options])


def test_a_healthy_history_is_0(service_url: str, client: redis.Redis, capsys: pytest.CaptureFixture[str]) -> None:
    archive(service_url, [ended_job("job_a"), failed_job("job_b")])
    RedisJobStore(client).call(commands.register_api("a:1", read_id(service_url), 30_000))
    assert check("--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["jobs"], printed["findings"]) == ({"failed": 1, "succeeded": 1}, [])
    assert printed["schema"]["state"] == "current"
    assert printed["service"]["unarchived"] == 0
    assert printed["service"]["apis"] == [{"process": "a:1", "uses_history": True}]
    assert check() == 0
    text = capsys.readouterr().out
    assert "jobs      1 failed, 1 succeeded" in text
    assert "redis     0 ended jobs wait; 1 of 1 API processes use this history" in text


def test_findings_are_1_and_a_line_each(service_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    archive(service_url, [ended_job("job_a")])
    raw_sql.execute(service_url, "DELETE FROM images", "DELETE FROM job_words")
    assert check() == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("renderq history check: 1 jobs do not have the ") for line in lines)
    assert check("--json") == 1
    assert len(json.loads(capsys.readouterr().out)["findings"]) == 2


def test_jobs_that_do_not_arrive_and_other_histories_are_findings(
    service_url: str, client: redis.Redis, capsys: pytest.CaptureFixture[str]
) -> None:
    archive(service_url, [])
    store = RedisJobStore(client)
    submit(store, "job_a")
    store.call(commands.cancel("ada", "job_a"))
    assert check() == 0, "it has just ended"
    make_older(client, 61_000)
    capsys.readouterr()
    assert check() == 1
    waiting = r"1 ended jobs wait for the history, one for \d+ s; no API process runs"
    assert re.search(waiting, capsys.readouterr().err)
    store.call(commands.register_api("a:1", "another", 30_000))
    assert check() == 1
    first, second = capsys.readouterr().err.splitlines()
    assert "a:1 uses another history" in first
    assert "`history.unavailable`" in second


def test_a_backup_is_healthy_whatever_the_service_does(
    service_url: str, tmp_path: Path, client: redis.Redis, capsys: pytest.CaptureFixture[str]
) -> None:
    backup = f"sqlite:///{tmp_path}/backup.db"
    archive(backup, [])
    archive(service_url, [])
    RedisJobStore(client).call(commands.register_api("a:1", read_id(service_url), 30_000))
    assert check("--history-url", backup) == 0
    assert "0 of 1 API processes use this history" in capsys.readouterr().out


def test_without_redis_only_the_database_is_checked(
    service_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    archive(service_url, [])
    assert check("--redis-url", "redis://127.0.0.1:1/0", "--json") == 0
    assert json.loads(capsys.readouterr().out)["service"] is None
    monkeypatch.delenv("RENDERQ_REDIS_URL")
    assert check("--data", "/nonexistent") == 0
    assert "redis     does not respond, not checked" in capsys.readouterr().out


def test_a_redis_that_refuses_to_say_is_named(
    service_url: str, redis_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    archive(service_url, [])
    with missing_permission(redis_url):
        assert check() == 0
    reason = "the user of RENDERQ_REDIS_URL lacks a right (NOPERM)"
    assert f"redis     refuses commands: {reason}, not checked\n" in capsys.readouterr().out


def test_what_cannot_be_asked_is_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", "check"]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert f"{tmp_path}/history.db: No such file or directory" in line
