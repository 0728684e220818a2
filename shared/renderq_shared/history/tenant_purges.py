"""Purges in the history: a purged tenant's jobs are deleted, and a process that was slow does not bring them back."""

import hashlib
import time
from collections.abc import Iterable, Sequence

from sqlalchemy import delete, not_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from renderq_shared.history.database import Database
from renderq_shared.history.tables import jobs, metadata, purged_tenants, removals
from renderq_shared.jobs import JobRecord

TOMBSTONE_MS = 24 * 3_600_000
"""Time for which `archive` refuses a deleted job: longer than any process holds a record that it read from Redis."""

_OTHERS = tuple(table for table in metadata.sorted_tables if "tenant" in table.c and "key" not in table.c)
"""Tables with data of tenants that does not belong to a job."""


class TenantPurges:
    """Purges of one database. A tenant is stored as the SHA-256 of its name, because a purge leaves no trace of it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def refused(self, connection: AsyncConnection, archived: Sequence[JobRecord]) -> frozenset[str]:
        """Return the ids of jobs that a purge has deleted."""
        started_ms = await self.started_ms(connection, {job.tenant for job in archived})
        return frozenset(job.id for job in archived if job.created_ms <= started_ms.get(job.tenant, -1))

    async def started_ms(self, connection: AsyncConnection, tenants: Iterable[str]) -> dict[str, int]:
        """Return tenant → start of its last purge."""
        names = {_digest(tenant): tenant for tenant in tenants}
        query = select(purged_tenants).where(purged_tenants.c.digest.in_(names))
        return {names[row.digest]: row.started_ms for row in await connection.execute(query)}

    async def start(self, tenant: str, started_ms: int) -> None:
        row = {"digest": _digest(tenant), "started_ms": started_ms, "is_complete": False}
        statement = self._database.insert(purged_tenants).values(row)
        statement = statement.on_conflict_do_update(
            index_elements=["digest"], set_=row, where=purged_tenants.c.started_ms < started_ms
        )
        old = purged_tenants.c.started_ms < time.time_ns() // 1_000_000 - TOMBSTONE_MS
        async with self._database.writing() as connection:
            await connection.execute(statement)
            await connection.execute(delete(purged_tenants).where(purged_tenants.c.is_complete, old))

    async def delete_jobs(self, tenant: str, job_ids: Sequence[str]) -> None:
        query = select(jobs.c.key).where(jobs.c.tenant == tenant, jobs.c.id.in_(job_ids))
        async with self._database.writing() as connection:
            keys = (await connection.scalars(query)).all()
            if keys:
                await self._database.text_index.remove(connection, keys)
                await connection.execute(delete(jobs).where(jobs.c.key.in_(keys)))
            await connection.execute(delete(removals).where(removals.c.tenant == tenant, removals.c.id.in_(job_ids)))

    async def finish(self, tenant: str, started_ms: int) -> None:
        current = (purged_tenants.c.digest == _digest(tenant), purged_tenants.c.started_ms == started_ms)
        statement = update(purged_tenants).where(*current, not_(purged_tenants.c.is_complete)).values(is_complete=True)
        async with self._database.writing() as connection:
            if (await connection.execute(statement)).rowcount:
                for table in _OTHERS:
                    await connection.execute(delete(table).where(table.c.tenant == tenant))


def _digest(tenant: str) -> str:
    return hashlib.sha256(tenant.encode()).hexdigest()
