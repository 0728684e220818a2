"""All jobs of a history in batches, so that memory is bounded."""

from collections.abc import AsyncGenerator, Sequence
from typing import Any

from sqlalchemy import Column, Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from renderq_shared.history.tables import jobs

BATCH = 500
"""Maximum number of jobs of a batch."""


async def job_batches(connection: AsyncConnection, *columns: Column[Any]) -> AsyncGenerator[Sequence[Row[Any]]]:
    """Yield the key and these columns of all jobs, by key."""
    last = 0
    while True:
        query = select(jobs.c.key, *columns).where(jobs.c.key > last).order_by(jobs.c.key).limit(BATCH)
        rows = (await connection.execute(query)).all()
        if not rows:
            return
        yield rows
        last = rows[-1].key
