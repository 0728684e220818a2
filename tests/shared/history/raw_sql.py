"""Direct access to a history: statements without the checks of the database, and all rows."""

import contextlib
import sqlite3
from typing import Any

import psycopg
from sqlalchemy import select

from renderq_shared.history.database import open_database
from renderq_shared.history.tables import jobs, metadata
from renderq_shared.history_url import sqlite_path

_OWN = {"database_id", "copies"}
"""Tables that belong to one database."""


def execute(url: str, *statements: str) -> None:
    """Execute statements; rows may contradict each other afterward."""
    if url.startswith("sqlite:"):
        with contextlib.closing(sqlite3.connect(sqlite_path(url))) as connection, connection:
            for statement in statements:
                connection.execute(statement)
        return
    with psycopg.connect(url) as connection:
        connection.execute("SET session_replication_role = replica")  # without foreign keys
        for statement in statements:
            connection.execute(statement)


async def all_rows(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Return table → its sorted rows, with the job's id in place of its key, and without the times of deletions."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    async with open_database(url) as database, database.reading() as connection:
        for table in (table for table in metadata.sorted_tables if table.name not in _OWN):
            columns = [column for column in table.c if column.name not in {"key", "deleted_ms"}]
            query = select(*columns)
            if "key" in table.c and table is not jobs:
                query = select(jobs.c.id, *columns).join_from(table, jobs)
            found[table.name] = sorted(map(tuple, await connection.execute(query)), key=repr)
    return found
