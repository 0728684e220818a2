"""Inspection of a history: schema, counts, size, damage."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from renderq_shared.history.database import Database, history_address, open_database, read_history_id
from renderq_shared.history.engines import Access
from renderq_shared.history.file_systems import network_file_system
from renderq_shared.history.maintenance.integrity import find_damage
from renderq_shared.history.migration import Schema, SchemaState, read_schema
from renderq_shared.history.tables import jobs, metadata
from renderq_shared.history_url import sqlite_path


@dataclass(frozen=True, slots=True)
class HistoryReport:
    """Result of an inspection."""

    database: str
    """Address without credentials."""
    schema: Schema
    bytes: int
    """Size of the database on disk; in PostgreSQL, that of renderq's tables and indexes."""
    jobs: Mapping[str, int]
    """Status → number of jobs."""
    history_id: str | None
    """Id under which API processes register it; `None` without tables of this release."""
    findings: tuple[str, ...]
    """One line for each problem, with what to do about it."""


async def inspect_history(url: str) -> HistoryReport:
    """Inspect a history without changing it. Reads all of it, in bounded memory.

    Raises `HistoryUnavailable` and `HistoryUnsuitable`.
    """
    async with open_database(url, Access.INSPECTION) as database, database.reading() as connection:
        schema = await read_schema(connection)
        findings = [*_place_findings(url), *_schema_findings(schema)]
        counts: dict[str, int] = {}
        history_id = None
        if schema.state is SchemaState.CURRENT:
            counts = await _counts(connection)
            history_id = await read_history_id(database, connection)
            findings += await find_damage(database, connection)
        size = await _stored_bytes(database, connection)
    return HistoryReport(history_address(url), schema, size, counts, history_id, tuple(findings))


def _place_findings(url: str) -> list[str]:
    kind = network_file_system(sqlite_path(url)) if url.startswith("sqlite:") else None
    return [f"the file is on a network file system ({kind}); move it to a local disk"] if kind else []


def _schema_findings(schema: Schema) -> list[str]:
    match schema.state:
        case SchemaState.MISSING:
            return ["the database has no tables; `renderq history migrate` creates them"]
        case SchemaState.BEHIND:
            return [
                f"the schema {schema.revision} is that of an earlier release; `renderq history migrate` changes it to "
                f"{schema.expected}"
            ]
        case SchemaState.AHEAD:
            return [f"the schema {schema.revision} is newer than this release; upgrade renderq"]
        case SchemaState.CURRENT:
            return []


async def _counts(connection: AsyncConnection) -> dict[str, int]:
    query = select(jobs.c.status, func.count().label("jobs")).group_by(jobs.c.status).order_by(jobs.c.status)
    return {row.status: row.jobs for row in await connection.execute(query)}


async def _stored_bytes(database: Database, connection: AsyncConnection) -> int:
    if database.is_sqlite:
        query = text("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
        return int(await connection.scalar(query) or 0)
    query = text(
        "SELECT sum(pg_total_relation_size(oid)) FROM pg_class "
        "WHERE relnamespace = CAST(current_schema() AS regnamespace) AND relname = ANY(:names)"
    )
    return int(await connection.scalar(query, {"names": [*metadata.tables, "job_words", "alembic_version"]}) or 0)
