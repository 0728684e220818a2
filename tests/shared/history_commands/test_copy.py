"""`renderq history copy`: what it prints, its exit codes, and the commands of the guide."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from renderq.cli import main
from renderq_shared.jobs import commands
from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.redis.clients import sync_client
from tests.redis_refusals import missing_permission
from tests.shared.history import raw_sql
from tests.shared.history.ended_jobs import ended_job
from tests.shared.history_commands.conftest import archive, read_id

GUIDE = Path(__file__).parents[3] / "docs" / "guides" / "history.md"
SECTION = GUIDE.read_text(encoding="utf-8").partition("## Moving from SQLite to PostgreSQL\n")[2].partition("\n## ")[0]


@pytest.fixture
def source_url(tmp_path: Path) -> str:
    """A history of two jobs."""
    url = f"sqlite:///{tmp_path}/history.db"
    archive(url, [ended_job("job_a"), ended_job("job_b")])
    return url


def test_it_prints_counts_and_digest(source_url: str, postgres_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", "copy", source_url, postgres_url]) == 0
    out, err = capsys.readouterr()
    assert re.fullmatch(r"2 jobs: 2 copied; SHA-256 [0-9a-f]{64}\n", out)
    assert err == ""
    assert main(["history", "copy", source_url, postgres_url, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["jobs"], printed["added"], printed["missing"]) == (2, 0, 0)
    assert out.strip().endswith(printed["target_digest"])


def test_what_cannot_be_copied_is_1_and_a_line(
    source_url: str, postgres_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    raw_sql.execute(source_url, "UPDATE jobs SET record = '{}' WHERE id = 'job_a'")
    assert main(["history", "copy", source_url, postgres_url]) == 1
    out, err = capsys.readouterr()
    assert out.startswith("2 jobs: 1 copied")
    assert err == "renderq history copy: 1 records of the source cannot be read and are not copied\n"


def test_a_redis_that_does_not_say_who_writes_is_a_line(
    source_url: str, redis_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with missing_permission(redis_url):
        assert main(["history", "copy", source_url, f"sqlite:///{tmp_path}/copy.db", "--redis-url", redis_url]) == 0
    [line] = capsys.readouterr().err.splitlines()
    assert re.match(r"renderq history copy: make sure that no API process writes to the source: .*\(NOPERM\)", line)


def test_other_exit_codes_are_those_of_the_guide(source_url: str, tmp_path: Path) -> None:
    [codes] = re.findall(r"The exit code is (.*?)\.", SECTION, re.DOTALL)
    assert re.findall(r"\b\d\b", codes) == ["0", "1", "2", "3"]
    assert main(["history", "copy", source_url, source_url]) == 2
    assert main(["history", "copy", source_url, f"sqlite:///{tmp_path}/missing/history.db"]) == 3


def test_an_api_that_writes_to_the_source_asks_for_another_run(
    source_url: str, postgres_url: str, redis_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with sync_client(redis_url) as client:
        RedisJobStore(client).call(commands.register_api("a:1", read_id(source_url), 30_000))
    assert main(["history", "copy", source_url, postgres_url]) == 0
    assert "the API process a:1 writes to the source; once it has stopped, copy again" in capsys.readouterr().err


def test_the_commands_of_the_guide_move_a_history(source_url: str, postgres_url: str, tmp_path: Path) -> None:
    [commands_] = re.findall(r"^```sh no-run\n(.*?)^```", SECTION, re.MULTILINE | re.DOTALL)
    commands_ = re.sub(r"sqlite:///\S+", source_url, commands_)
    commands_ = re.sub(r"postgresql://\S+", postgres_url, commands_)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    shell = ["bash", "-euo", "pipefail", "-c", commands_]
    done = subprocess.run(
        shell, cwd=tmp_path, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "2 jobs: 2 copied" in done.stdout
    assert "jobs      2 succeeded" in done.stdout
