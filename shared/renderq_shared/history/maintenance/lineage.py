"""Which histories a database has been copied from. A job that was deleted in one must not come back from the other,
and a deletion is remembered for a day only."""

import time
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from renderq_shared.errors import HistoryUnsuitable
from renderq_shared.history.database import Database
from renderq_shared.history.tables import copies, database_id, purged_tenants

_REPEATABLE_MS = 23 * 3_600_000
"""Age of a copy that can be repeated: less than deletions are remembered."""

_START_ANEW = "copy to an empty database"


@dataclass(frozen=True, slots=True)
class Lineage:
    """A source, as its target knows it."""

    source: str
    """Id of the source."""
    started_ms: int
    """Time of this run."""

    async def record_deletions(self, target: Database) -> None:
        """Record that all deletions until the start of this run have been applied."""
        statement = target.insert(copies).values(source=self.source, deletions_ms=self.started_ms, has_usage=False)
        statement = statement.on_conflict_do_update(
            index_elements=["source"], set_={"deletions_ms": statement.excluded.deletions_ms}
        )
        async with target.writing() as connection:
            await connection.execute(statement)

    async def has_usage(self, target: AsyncConnection) -> bool:
        """Return whether an earlier run has copied the usage of deleted jobs."""
        return bool(await target.scalar(select(copies.c.has_usage).where(copies.c.source == self.source)))

    async def record_usage(self, target: AsyncConnection) -> None:
        """Record that this run has copied it."""
        await target.execute(update(copies).where(copies.c.source == self.source).values(has_usage=True))


async def trace_lineage(source: AsyncConnection, target: AsyncConnection) -> Lineage:
    """Return the lineage of a copy. Raises `HistoryUnsuitable` if it could bring deleted jobs back."""
    now_ms = time.time_ns() // 1_000_000
    source_id, target_id = [await each.scalar(select(database_id.c.id)) for each in (source, target)]
    if source_id == target_id:
        raise HistoryUnsuitable("source and target are the same database, or one is a backup of the other")
    if await source.scalar(select(copies.c.source).where(copies.c.source == target_id)):
        raise HistoryUnsuitable(
            f"the source was copied from the target, which still has what was deleted since; {_START_ANEW}"
        )
    last_ms = await target.scalar(select(copies.c.deletions_ms).where(copies.c.source == source_id))
    if last_ms is not None and last_ms < now_ms - _REPEATABLE_MS:
        raise HistoryUnsuitable(
            f"the last copy from this source is {(now_ms - last_ms) // 3_600_000} hours old, and deletions are "
            f"remembered for a day; {_START_ANEW}"
        )
    if last_ms is not None and await _purges(source) - await _purges(target):
        raise HistoryUnsuitable(f"the source has deleted the data of a tenant since the last copy; {_START_ANEW}")
    return Lineage(str(source_id), now_ms)


async def _purges(database: AsyncConnection) -> set[tuple[str, int]]:
    rows = await database.execute(select(purged_tenants.c.digest, purged_tenants.c.started_ms))
    return {(row.digest, row.started_ms) for row in rows}
