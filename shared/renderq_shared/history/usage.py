"""Usage by tenant and day: a table of sums."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import date

from sqlalchemy.ext.asyncio import AsyncConnection

from renderq_shared.history.database import Database
from renderq_shared.history.records import USAGE_SUMS, UsageDay
from renderq_shared.history.tables import usage_days


async def add_usage(database: Database, connection: AsyncConnection, usage: Iterable[UsageDay]) -> None:
    """Add usage to that of its tenants and days."""
    days: dict[tuple[str, date], UsageDay] = {}
    for each in usage:
        day = (each.tenant, each.day)
        days[day] = days[day] + each if day in days else each
    if not days:
        return
    statement = database.insert(usage_days)
    sums = {name: usage_days.c[name] + statement.excluded[name] for name in USAGE_SUMS}
    statement = statement.on_conflict_do_update(index_elements=["tenant", "day"], set_=sums)
    await connection.execute(statement, [asdict(day) for day in days.values()])
