"""Other processes may open and close the history's file while a service uses it."""

import asyncio
import contextlib
import sqlite3
import subprocess
import sys
from pathlib import Path

from renderq_shared.history import open_history
from renderq_shared.history_url import sqlite_url
from tests.shared.history.ended_jobs import ended_job

SCRIPT = """
import contextlib, sqlite3, sys
with contextlib.closing(sqlite3.connect(sys.argv[1])) as connection:
    print(*(job_id for job_id, in connection.execute("SELECT id FROM jobs ORDER BY id")))
"""


async def read_elsewhere(file: Path) -> list[str]:
    """Open and close the file in another process, which returns the ids of all jobs."""
    argv = [sys.executable, "-c", SCRIPT, str(file)]
    done = await asyncio.to_thread(subprocess.run, argv, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.split()


async def test_what_is_written_after_another_process_has_closed_the_file_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "history.db"
    async with open_history(sqlite_url(str(file))) as history:
        await history.migrate()
        await asyncio.gather(*(history.get_job("ada", "job_a") for _ in range(4)))  # several connections
        for number in range(3):
            await history.archive([ended_job(f"job_{number}")])
            assert await read_elsewhere(file) == [f"job_{each}" for each in range(number + 1)]


async def test_a_service_that_starts_while_another_creates_the_tables_waits_for_it(tmp_path: Path) -> None:
    file = tmp_path / "history.db"
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        async with open_history(sqlite_url(str(file))) as history:
            start = asyncio.create_task(history.migrate())
            assert await asyncio.wait([start], timeout=0.5) == (set(), {start})
            other.execute("COMMIT")
            await start
            assert await history.get_job("ada", "job_a") is None
