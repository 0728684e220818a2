"""The schema of the history is that of the release, or is refused."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from renderq_shared.errors import HistoryUnsuitable
from renderq_shared.history import migration, open_history
from renderq_shared.history.database import open_database
from renderq_shared.history.migration import Schema, SchemaState, migrate, migrate_history
from renderq_shared.history.tables import metadata
from tests.shared.history.ended_jobs import ended_job

NEXT_MIGRATION = """
from alembic import op
revision, down_revision = "9999", "{}"
def upgrade(): op.execute("CREATE TABLE next (id integer)")
"""


async def test_migrations_create_the_tables_that_queries_use(history_url: str) -> None:
    def differences(connection: Connection) -> list[object]:
        found = compare_metadata(MigrationContext.configure(connection), metadata)
        return [each for each in found if "job_words" not in repr(each)]

    async with open_database(history_url) as database:
        await migrate(database)
        async with database.reading() as connection:
            assert await connection.run_sync(differences) == []


async def test_several_processes_migrate_an_empty_database(history_url: str) -> None:
    async with open_database(history_url) as one, open_database(history_url) as other:
        await asyncio.gather(migrate(one), migrate(other), migrate(one))
    async with open_history(history_url) as history:
        assert await history.get_job("ada", "job_a") is None


@pytest.fixture
def next_release(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], None]:
    """Upgrade this process to a release with one more migration."""

    def upgrade() -> None:
        head = ScriptDirectory(str(migration.MIGRATIONS)).get_current_head()
        scripts = Path(shutil.copytree(migration.MIGRATIONS, tmp_path / "migrations"))
        (scripts / "versions" / "9999_next.py").write_text(NEXT_MIGRATION.format(head))
        monkeypatch.setattr(migration, "MIGRATIONS", scripts)

    return upgrade


async def test_a_migration_reports_the_schema_before(history_url: str, next_release: Callable[[], None]) -> None:
    first = await migrate_history(history_url)
    head = first.expected
    assert first == Schema(SchemaState.MISSING, None, head)
    assert await migrate_history(history_url) == Schema(SchemaState.CURRENT, head, head)
    next_release()
    assert await migrate_history(history_url) == Schema(SchemaState.BEHIND, head, "9999")
    assert await migrate_history(history_url) == Schema(SchemaState.CURRENT, "9999", "9999")


async def test_processes_that_start_at_once_migrate_an_older_history_once(
    history_url: str, next_release: Callable[[], None]
) -> None:
    async with open_history(history_url) as history:
        await history.migrate()
        await history.archive([ended_job("job_a")])
    next_release()
    async with open_history(history_url) as one, open_history(history_url) as other:
        await asyncio.gather(one.migrate(), other.migrate(), one.migrate())
        assert await other.get_job("ada", "job_a") is not None
    async with open_database(history_url) as database, database.reading() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM next")) == 0


async def test_a_newer_schema_is_refused_and_left_alone(history_url: str) -> None:
    async with open_database(history_url) as database:
        await migrate(database)
        async with database.writing() as connection:
            await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        with pytest.raises(HistoryUnsuitable, match="9999 is newer than this release"):
            await migrate(database)
