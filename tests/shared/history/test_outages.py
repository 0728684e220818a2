"""A database that is away, frozen or locked is an error that names the reason, within its time limit."""

import asyncio
import contextlib
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text

from renderq_shared.errors import HistoryUnavailable, HistoryUnsuitable
from renderq_shared.history import History, HistoryFilter, database, engines, file_systems, open_history
from renderq_shared.history.migration import migrate_history
from renderq_shared.history_url import check_history_url, sqlite_url
from tests.postgres_server import Postgres
from tests.shared.history.ended_jobs import ended_job


async def test_a_killed_postgresql_is_unavailable_until_it_is_back(postgres: Postgres, postgres_url: str) -> None:
    async with open_history(postgres_url) as history:
        await history.migrate()
        await history.archive([ended_job("job_a")])
        postgres.kill()
        with pytest.raises(HistoryUnavailable, match="PostgreSQL server"):
            await history.archive([ended_job("job_b")])
        postgres.start()
        await history.archive([ended_job("job_b")])
        page = await history.page("ada", HistoryFilter(), 9)
    assert [job.id for job in page.records] == ["job_b", "job_a"]


@pytest.fixture
async def limited_url(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """URL of a history with time limits that tests can wait for."""
    await migrate_history(postgres_url)
    monkeypatch.setattr(database, "_TIMEOUT_S", 1.0)
    monkeypatch.setattr(engines, "_IDLE_S", 1)
    return postgres_url


async def test_a_frozen_postgresql_is_unavailable_within_the_time_limit(postgres: Postgres, limited_url: str) -> None:
    async with open_history(limited_url) as history:
        await _archived(history)
        postgres.pause()
        try:
            async with asyncio.timeout(5):
                with pytest.raises(HistoryUnavailable, match="does not respond within 1 s"):
                    await history.get_job("ada", "job_a")
            probe = asyncio.create_task(history.get_job("ada", "job_a"))
            await asyncio.sleep(0)
            with pytest.raises(HistoryUnavailable, match="does not respond"):
                await history.page("ada", HistoryFilter(), 9)
            assert not probe.done()  # only one call waits for a silent server
            with pytest.raises(HistoryUnavailable):
                await probe
        finally:
            postgres.resume()
        await _archived(history)


async def test_a_process_that_freezes_amid_a_transaction_does_not_hold_up_others(limited_url: str) -> None:
    async with (
        open_history(limited_url) as history,
        database.open_database(limited_url) as frozen,
        frozen.engine.connect() as connection,
    ):
        await connection.execute(text("LOCK TABLE jobs"))
        await _archived(history)
        await connection.invalidate()


async def _archived(history: History) -> None:
    """Archive a job, however often that fails."""
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(HistoryUnavailable):
                await history.archive([ended_job("job_a")])
                return


async def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    async with open_history(sqlite_url(str(tmp_path / "missing" / "history.db"))) as history:
        with pytest.raises(HistoryUnavailable, match="No such file"):
            await history.get_job("ada", "job_a")


async def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "history.db").write_bytes(b"not a database" * 100)
    async with open_history(sqlite_url(str(tmp_path / "history.db"))) as history:
        with pytest.raises(HistoryUnavailable, match="not a database"):
            await history.get_job("ada", "job_a")


async def test_a_locked_file_delays_an_archive_but_fails_no_reader(tmp_path: Path) -> None:
    url = sqlite_url(str(tmp_path / "history.db"))
    async with open_history(url) as history:
        await history.migrate()
        await history.archive([ended_job("job_a")])
        with sqlite3.connect(tmp_path / "history.db", isolation_level=None) as blocker:
            blocker.execute("BEGIN IMMEDIATE")
            assert await history.get_job("ada", "job_a") is not None
            blocker.execute("COMMIT")
        await history.archive([ended_job("job_b")])


async def test_an_unknown_option_is_named_without_the_password() -> None:
    with pytest.raises(HistoryUnsuitable, match='"ssl"') as raised:
        async with open_history("postgresql://u:secret@h/x?ssl=1"):
            pass
    assert "secret" not in str(raised.value)


async def test_a_network_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mounts").write_text(f"host:/share {tmp_path} nfs4 rw 0 0\n")
    monkeypatch.setattr(file_systems, "MOUNTS", tmp_path / "mounts")
    with pytest.raises(HistoryUnsuitable, match=r"network file system \(nfs4\)"):
        async with open_history(sqlite_url(str(tmp_path / "history.db"))):
            pass


async def test_a_file_may_have_any_name(tmp_path: Path) -> None:
    path = tmp_path / "a?b%23#c d.db"
    async with open_history(sqlite_url(str(path))) as history:
        await history.migrate()
    assert path.exists()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "history.db",
        "mysql://host/db",
        "sqlite://",
        "sqlite:///:memory:",
        "postgresql://host",
        "http://host/x",
        "postgresql://h:0/x",
        "postgresql://u:p@ss@h/x",
        "postgresql://u@/x",
        "sqlite:///history.db?mode=ro",
    ],
)
def test_urls_of_no_served_database_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="must"):
        check_history_url(url)
