"""Usage of copied jobs. The target counts each job when it arrives. Jobs that the source has deleted are part of its
sums only: what the sums have beyond the jobs is theirs."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from renderq_shared.history.database import Database
from renderq_shared.history.job_rows import job_rows, read_record_or_none
from renderq_shared.history.maintenance.job_batches import BATCH, job_batches
from renderq_shared.history.maintenance.lineage import Lineage
from renderq_shared.history.records import USAGE_SUMS, UsageDay
from renderq_shared.history.tables import jobs, usage_days
from renderq_shared.history.tenant_purges import TenantPurges
from renderq_shared.history.usage import add_usage

Usage = dict[tuple[str, date], UsageDay]


async def copy_usage(source: AsyncConnection, target: Database, lineage: Lineage) -> None:
    """Add the usage of jobs that the source has deleted, once. All its other jobs must have been copied before."""
    async with target.reading() as connection:
        is_first = not await lineage.has_usage(connection)
    counted = await _usage_of_jobs(source) if is_first else {}
    async with target.writing() as connection:
        if not await lineage.has_usage(connection):
            await _add_lacking(source, target, connection, expected={}, counted=counted)
            await lineage.record_usage(connection)
        elif not is_first:
            own = await _usage_of_jobs(connection, source)
            await _add_lacking(source, target, connection, expected=own, counted=None)


async def _add_lacking(
    source: AsyncConnection, target: Database, connection: AsyncConnection, *, expected: Usage, counted: Usage | None
) -> None:
    """Add what the source's sums and `expected` have beyond `counted`, or beyond the target's sums (`None`)."""
    async for rows in (await source.stream(select(usage_days))).mappings().partitions(BATCH):
        days = await _not_purged(target, connection, [UsageDay(**row) for row in rows])
        known = await _sums_of_days(connection, days) if counted is None else counted
        lacking = (_lacking(day, expected, known) for day in days)
        await add_usage(target, connection, filter(None, lacking))


async def _not_purged(target: Database, connection: AsyncConnection, days: list[UsageDay]) -> list[UsageDay]:
    """Return the days after the target has deleted the data of their tenant."""
    purges = await TenantPurges(target).started_ms(connection, {day.tenant for day in days})
    ends = {tenant: datetime.fromtimestamp(started_ms / 1000, UTC).date() for tenant, started_ms in purges.items()}
    return [day for day in days if day.tenant not in ends or day.day > ends[day.tenant]]


def _lacking(source: UsageDay, expected: Usage, counted: Usage) -> UsageDay | None:
    day = (source.tenant, source.day)
    lacking = _counter(source) + _counter(expected.get(day)) - _counter(counted.get(day))  # keeps what is above 0
    return replace(source, **{name: lacking[name] for name in USAGE_SUMS}) if lacking else None


def _counter(usage: UsageDay | None) -> Counter[str]:
    return Counter({name: getattr(usage, name) for name in USAGE_SUMS} if usage else ())


async def _usage_of_jobs(database: AsyncConnection, without: AsyncConnection | None = None) -> Usage:
    """Return the usage of the jobs of a database, without those that another one has."""
    found: Usage = {}
    async for rows in job_batches(database, jobs.c.id):
        ids = {row.id for row in rows}
        if without:
            ids -= set(await without.scalars(select(jobs.c.id).where(jobs.c.id.in_(ids))))
        records = await database.scalars(select(jobs.c.record).where(jobs.c.id.in_(ids))) if ids else ()
        for record in filter(None, map(read_record_or_none, records)):
            usage = job_rows(record).usage
            day = (usage.tenant, usage.day)
            found[day] = found[day] + usage if day in found else usage
    return found


async def _sums_of_days(connection: AsyncConnection, days: list[UsageDay]) -> Usage:
    keys = [(day.tenant, day.day) for day in days]
    rows = await connection.execute(select(usage_days).where(tuple_(usage_days.c.tenant, usage_days.c.day).in_(keys)))
    return {(row["tenant"], row["day"]): UsageDay(**row) for row in rows.mappings()}
