"""An API refuses a history of a newer release, and says so."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from renderq_shared.history.database import open_database
from renderq_shared.history.migration import migrate
from renderq_shared.history_url import sqlite_url


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
async def test_a_newer_schema_ends_the_api_with_one_line(
    request: pytest.FixtureRequest, redis_url: str, tmp_path: Path, database: str
) -> None:
    url = sqlite_url(f"{tmp_path}/h.db") if database == "sqlite" else request.getfixturevalue("postgres_url")
    async with open_database(url) as opened:
        await migrate(opened)
        async with opened.writing() as connection:
            await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    argv = [sys.executable, "-m", "renderq", "api", "--port", "0", "--redis-url", redis_url, "--data", str(tmp_path)]
    env = {"RENDERQ_HISTORY_URL": url, "PATH": "", "PYTHONPATH": ":".join(sys.path)}
    done = await asyncio.to_thread(subprocess.run, argv, capture_output=True, text=True, timeout=60, env=env)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "renderq api: the history's schema 9999 is newer than this release; upgrade renderq\n"
