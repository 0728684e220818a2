"""An inspection finds every kind of damage, and changes nothing."""

from pathlib import Path

import pytest
from sqlalchemy import text

from renderq_shared.errors import HistoryUnavailable
from renderq_shared.history import History, open_history
from renderq_shared.history.database import open_database
from renderq_shared.history.engines import Access
from renderq_shared.history.maintenance import SchemaState, inspect_history
from renderq_shared.history_url import sqlite_path
from tests.shared.history import raw_sql
from tests.shared.history.ended_jobs import ended_job, failed_job


@pytest.fixture
async def filled(history: History) -> History:
    """A history of two jobs and a deleted one."""
    details = {"metadata": {"order": "17"}, "labels_json": '["x"]'}
    await history.archive([ended_job("job_a", **details), failed_job("job_b"), ended_job("job_c", outputs=4)])
    await history.delete("ada", "job_c")
    return history


async def test_a_healthy_history_is_counted(filled: History, history_url: str) -> None:
    report = await inspect_history(history_url)
    assert report.findings == ()
    assert dict(report.jobs) == {"failed": 1, "succeeded": 1}
    assert report.schema.state is SchemaState.CURRENT
    assert report.bytes > 50_000


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("DELETE FROM labels", "1 jobs do not have the labels of their record, such as job_a"),
        ("UPDATE job_metadata SET entry_sha256 = '18'", "1 jobs do not have the metadata"),
        ("DELETE FROM images", "1 jobs do not have the images"),
        ("UPDATE jobs SET model = 'other'", "2 jobs do not have the columns"),
        ("DELETE FROM job_words", "2 jobs do not have the words in the search index"),
        ("UPDATE job_words SET words = 'other'", "2 jobs do not have the words in the search index"),
        ("UPDATE jobs SET record = '{}' WHERE id = 'job_b'", "1 records cannot be read, such as that of job_b"),
        ("UPDATE usage_days SET images = 0", "1 days of usage lack jobs, such as 2026-11-25 of ada"),
        ("DELETE FROM usage_days", "1 days of usage lack jobs"),
    ],
)
async def test_each_damage_is_one_line(filled: History, history_url: str, statement: str, words: str) -> None:
    raw_sql.execute(history_url, statement)
    [finding] = (await inspect_history(history_url)).findings
    assert finding.startswith(words)
    assert "; " in finding, "says what to do"


async def test_text_that_no_database_stores_is_no_damage(history: History, history_url: str) -> None:
    await history.archive([ended_job("job_a", worker="a\0b", model="\ud800")])
    assert (await inspect_history(history_url)).findings == ()


async def test_rows_without_a_job_are_counted(filled: History, history_url: str) -> None:
    raw_sql.execute(history_url, "DELETE FROM jobs WHERE id = 'job_a'")
    findings = (await inspect_history(history_url)).findings
    assert [finding.split(" belong")[0] for finding in findings] == [
        "1 rows of the search index",
        "1 rows of images",
        "1 rows of labels",
        "1 rows of metadata",
    ]


async def test_usage_of_deleted_jobs_is_no_damage(history: History, history_url: str) -> None:
    await history.archive([ended_job("job_a", outputs=4)])
    await history.delete("ada", "job_a")
    assert (await inspect_history(history_url)).findings == ()


async def test_a_database_without_tables_is_one_line(history_url: str) -> None:
    async with open_database(history_url) as database, database.reading():
        pass
    report = await inspect_history(history_url)
    assert report.findings == ("the database has no tables; `renderq history migrate` creates them",)


async def test_a_newer_schema_is_one_line(filled: History, history_url: str) -> None:
    raw_sql.execute(history_url, "UPDATE alembic_version SET version_num = '9999'")
    report = await inspect_history(history_url)
    assert report.findings == ("the schema 9999 is newer than this release; upgrade renderq",)


async def test_an_inspection_cannot_write(filled: History, history_url: str) -> None:
    async with open_database(history_url, Access.INSPECTION) as database:
        with pytest.raises(HistoryUnavailable, match=r"read-?only"):
            async with database.writing() as connection:
                await connection.execute(text("DELETE FROM labels"))


async def test_a_missing_file_is_named_and_not_created(tmp_path: Path) -> None:
    with pytest.raises(HistoryUnavailable, match=r"history\.db: No such file"):
        await inspect_history(f"sqlite:///{tmp_path}/history.db")
    assert not (tmp_path / "history.db").exists()


async def test_a_damaged_page_is_one_line(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/history.db"
    async with open_history(url) as history:
        await history.migrate()
        await history.archive([ended_job(f"job_{number:03}", prompt="circle " * 100) for number in range(200)])
    content = bytearray(sqlite_path(url).read_bytes())
    middle = content.rindex(b"circle circle") // 4096 * 4096
    content[middle : middle + 4096] = b"\xff" * 4096
    sqlite_path(url).write_bytes(content)
    [finding] = (await inspect_history(url)).findings
    assert finding.startswith("the file is damaged (")
    assert "\n" not in finding


async def test_what_is_still_in_the_write_ahead_log_is_read(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/history.db"
    async with open_history(url) as history:
        await history.migrate()
        await history.archive([ended_job("job_a")])
        assert dict((await inspect_history(url)).jobs) == {"succeeded": 1}
