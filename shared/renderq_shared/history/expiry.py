"""Jobs of the history whose images or records retention is to delete."""

from math import inf

from sqlalchemy import ColumnElement, func, not_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from renderq_shared.history.job_rows import read_record_or_none
from renderq_shared.history.records import HistoryRetention
from renderq_shared.history.tables import jobs
from renderq_shared.jobs import JobRecord


async def due_jobs(
    connection: AsyncConnection,
    retention: HistoryRetention,
    age_ms: int | None,
    limit: int,
    *,
    outputs_expired: bool,
) -> dict[int, JobRecord]:
    """Return key → job of the oldest jobs that ended at least `age_ms` ago, except kept and unreadable ones."""
    if age_ms is None:
        return {}
    due = (jobs.c.outputs_expired == outputs_expired, jobs.c.completed_ms <= retention.now_ms - age_ms)
    return await _oldest(connection, limit, inf, *due)


async def stored_bytes(connection: AsyncConnection) -> int:
    """Return the size of all images that have not expired."""
    total = func.coalesce(func.sum(jobs.c.stored_bytes), 0)
    kept = await connection.scalar(select(total).where(jobs.c.kept))
    others = await connection.scalar(select(total).where(not_(jobs.c.kept), not_(jobs.c.outputs_expired)))
    return int(kept or 0) + int(others or 0)


async def oldest_jobs(connection: AsyncConnection, size: int, limit: int) -> dict[int, JobRecord]:
    """Return key → job of the oldest jobs that have images of this size together, but kept and unreadable ones."""
    return await _oldest(connection, limit, size, not_(jobs.c.outputs_expired)) if size > 0 else {}


async def _oldest(
    connection: AsyncConnection, limit: int, size: float, *conditions: ColumnElement[bool]
) -> dict[int, JobRecord]:
    """Return key → job of the jobs that ended first, except kept and unreadable ones: `limit` of them, or fewer that
    have images of this size together.

    Reads on until it has them, so that unreadable records hold up no others, however many there are.
    """
    order = (jobs.c.completed_ms, jobs.c.key)
    query = select(*order, jobs.c.stored_bytes, jobs.c.record).where(not_(jobs.c.kept), *conditions)
    query = query.order_by(*order).limit(limit)
    page, found = query, dict[int, JobRecord]()
    while rows := (await connection.execute(page)).all():
        for row in rows:
            if record := read_record_or_none(row.record):
                found[row.key] = record
                size -= row.stored_bytes
            if len(found) == limit or size <= 0:
                return found
        page = query.where(tuple_(*order) > (rows[-1].completed_ms, rows[-1].key))
    return found
