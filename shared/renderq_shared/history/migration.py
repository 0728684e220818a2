"""Schema of the history: its revision, and migration to that of this release."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from renderq_shared.errors import HistoryUnsuitable
from renderq_shared.history.database import Database, open_database
from renderq_shared.history.engines import Access

MIGRATIONS = Path(__file__).parent / "migrations"


class SchemaState(StrEnum):
    """Revision of a schema, compared with that of this release."""

    MISSING = "missing"
    """There are no tables yet."""
    BEHIND = "behind"
    CURRENT = "current"
    AHEAD = "ahead"
    """A newer release has changed the tables."""


@dataclass(frozen=True, slots=True)
class Schema:
    """Schema of a database."""

    state: SchemaState
    revision: str | None
    """`None` without tables."""
    expected: str
    """Revision of this release."""


async def read_schema(connection: AsyncConnection) -> Schema:
    """Return the schema of a database."""
    return await connection.run_sync(_read)


async def migrate(database: Database) -> Schema:
    """Migrate the schema to that of this release, one process at a time. Returns the schema before.

    Raises `HistoryUnsuitable` if it is newer.
    """
    async with database.writing() as connection:
        return await connection.run_sync(_upgrade)


async def migrate_history(url: str) -> Schema:
    """Migrate a history however long it takes. Returns the schema before.

    Raises `HistoryUnavailable` and `HistoryUnsuitable`.
    """
    async with open_database(url, Access.MAINTENANCE) as database:
        return await migrate(database)


def require_known(schema: Schema) -> None:
    """Raise `HistoryUnsuitable` for a schema of a newer release."""
    if schema.state is SchemaState.AHEAD:
        raise HistoryUnsuitable(f"the history's schema {schema.revision} is newer than this release; upgrade renderq")


def _read(connection: Connection) -> Schema:
    scripts = ScriptDirectory.from_config(_config())
    revision = MigrationContext.configure(connection).get_current_revision()
    expected = str(scripts.get_current_head())
    if revision is None:
        state = SchemaState.MISSING
    elif revision == expected:
        state = SchemaState.CURRENT
    elif revision in {script.revision for script in scripts.walk_revisions()}:
        state = SchemaState.BEHIND
    else:
        state = SchemaState.AHEAD
    return Schema(state, revision, expected)


def _upgrade(connection: Connection) -> Schema:
    schema = _read(connection)
    require_known(schema)
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    return schema


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
