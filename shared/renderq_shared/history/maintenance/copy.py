"""Copy of a history to another database."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from renderq_shared.errors import HistoryUnsuitable
from renderq_shared.history.database import Database, open_database, read_history_id
from renderq_shared.history.engines import Access
from renderq_shared.history.job_deliveries import delivery_or_none, put_deliveries
from renderq_shared.history.job_rows import read_record_or_none
from renderq_shared.history.maintenance.copied_usage import copy_usage
from renderq_shared.history.maintenance.copy_check import CopyCheck, check_copy
from renderq_shared.history.maintenance.job_batches import BATCH, job_batches
from renderq_shared.history.maintenance.lineage import trace_lineage
from renderq_shared.history.migration import SchemaState, migrate, read_schema, require_known
from renderq_shared.history.sql_history import SqlHistory
from renderq_shared.history.tables import deleted_jobs, deliveries, jobs, purged_tenants, removals
from renderq_shared.history.tenant_purges import TenantPurges


@dataclass(frozen=True, slots=True)
class CopyResult:
    """Result of a copy."""

    added: int
    """Number of jobs that the target did not have."""
    check: CopyCheck
    source_id: str
    """Id under which API processes register the source."""


async def copy_history(source_url: str, target_url: str, on_progress: Callable[[int, int], None]) -> CopyResult:
    """Copy all jobs, deliveries, deletions and usage of one history to another, which may have jobs of its own.

    Safe to interrupt, to repeat within 23 hours, and to run while APIs use either; what they add to the source
    meanwhile needs another run. The target keeps higher versions of jobs, and what it has deleted stays deleted. Calls
    `on_progress` with the numbers of jobs done and in total. Raises `HistoryUnavailable` and `HistoryUnsuitable`.
    """
    async with (
        open_database(source_url, Access.INSPECTION) as source_database,
        open_database(target_url, Access.MAINTENANCE) as target,
        open_database(target_url, Access.INSPECTION) as target_snapshots,
        source_database.reading() as source,
    ):
        await _require_current(source)
        await migrate(target)
        async with target.reading() as connection:
            lineage = await trace_lineage(source, connection)
        await _copy_deletions(source, target)
        await _copy_purges(source, target)
        await lineage.record_deletions(target)
        await _copy_removals(source, target)
        added = await _copy_jobs(source, target, on_progress)
        await copy_usage(source, target, lineage)
        async with target_snapshots.reading() as snapshot:
            check = await check_copy(source, snapshot, TenantPurges(target))
        return CopyResult(added, check, await read_history_id(source_database, source))


async def _require_current(source: AsyncConnection) -> None:
    schema = await read_schema(source)
    require_known(schema)
    if schema.state is not SchemaState.CURRENT:
        raise HistoryUnsuitable(
            "the source has no tables of this release; run `renderq history migrate --history-url SOURCE_URL` first"
        )


async def _copy_deletions(source: AsyncConnection, target: Database) -> None:
    """Copy what marks jobs as deleted; delete those of them that an earlier run has copied."""
    history = SqlHistory(target)
    statement = target.insert(deleted_jobs).on_conflict_do_nothing()
    async for rows in (await source.stream(select(deleted_jobs))).mappings().partitions(BATCH):
        copied = select(jobs.c.tenant, jobs.c.id).where(jobs.c.id.in_([row["id"] for row in rows]))
        async with target.writing() as connection:
            await connection.execute(statement, [dict(row) for row in rows])
            stale = (await connection.execute(copied)).all()
        for job in stale:
            await history.delete(job.tenant, job.id)


async def _copy_purges(source: AsyncConnection, target: Database) -> None:
    """Copy what marks tenants as purged."""
    statement = target.insert(purged_tenants)
    statement = statement.on_conflict_do_update(
        index_elements=["digest"],
        set_={name: statement.excluded[name] for name in ("started_ms", "is_complete")},
        where=purged_tenants.c.started_ms <= statement.excluded.started_ms,
    )
    if rows := (await source.execute(select(purged_tenants))).mappings().all():
        async with target.writing() as connection:
            await connection.execute(statement, [dict(row) for row in rows])


async def _copy_removals(source: AsyncConnection, target: Database) -> None:
    """Copy the outbox of files to remove, without tenants whose data only the target has deleted since."""
    purges = TenantPurges(target)
    statement = target.insert(removals)
    is_deleted = or_(removals.c.is_deleted, statement.excluded.is_deleted)
    statement = statement.on_conflict_do_update(index_elements=["id"], set_={"is_deleted": is_deleted})
    async for rows in (await source.stream(select(removals))).mappings().partitions(BATCH):
        tenants = {row["tenant"] for row in rows}
        known = await purges.started_ms(source, tenants)
        async with target.writing() as connection:
            started_ms = await purges.started_ms(connection, tenants)
            copied = [dict(row) for row in rows if started_ms.get(row["tenant"]) == known.get(row["tenant"])]
            if copied:
                await connection.execute(statement, copied)


async def _copy_deliveries(source: AsyncConnection, target: Database, first: int, last: int) -> None:
    """Copy the deliveries of jobs in a range of keys that the target lacks."""
    query = select(deliveries.c.id, deliveries.c.record).where(deliveries.c.key.between(first, last))
    async for rows in (await source.stream(query)).partitions(BATCH):
        found = [record for row in rows if (record := delivery_or_none(row.id, row.record))]
        async with target.writing() as connection:
            await put_deliveries(target, connection, found, replaces=False)


async def _copy_jobs(source: AsyncConnection, target: Database, on_progress: Callable[[int, int], None]) -> int:
    """Copy jobs that the target lacks or has in a lower version, and deliveries. Returns the number of jobs added."""
    history = SqlHistory(target)
    total = await source.scalar(select(func.count()).select_from(jobs)) or 0
    done = added = 0
    async for rows in job_batches(source, jobs.c.id, jobs.c.version, jobs.c.record):
        known = select(jobs.c.id, jobs.c.version).where(jobs.c.id.in_([row.id for row in rows]))
        async with target.reading() as connection:
            versions = {row.id: row.version for row in await connection.execute(known)}
        newer = (row for row in rows if row.version > versions.get(row.id, -1))
        if records := [record for row in newer if (record := read_record_or_none(row.record))]:
            added += (await history.archive(records)).added
        await _copy_deliveries(source, target, rows[0].key, rows[-1].key)
        done += len(rows)
        on_progress(done, total)
    return added
