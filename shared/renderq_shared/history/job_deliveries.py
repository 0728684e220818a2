"""Webhook deliveries of archived jobs. They leave with their job."""

import json
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from renderq_shared.errors import RecordUnreadable
from renderq_shared.history.database import Database
from renderq_shared.history.tables import deliveries, jobs
from renderq_shared.jobs import DeliveryRecord
from renderq_shared.jobs.redis.codec import decode_delivery, encode_delivery
from renderq_shared.redis.records import log_unreadable


async def put_deliveries(
    database: Database, connection: AsyncConnection, found: Sequence[DeliveryRecord], *, replaces: bool = True
) -> None:
    """Store deliveries of stored jobs; others are left out, since their jobs have been deleted.

    `replaces`: whether they replace what is stored of them.
    """
    known = select(jobs.c.id, jobs.c.key).where(jobs.c.id.in_({each.job_id for each in found}))
    keys = {row.id: row.key for row in await connection.execute(known)}
    rows = [
        {"id": each.id, "key": keys[each.job_id], "record": json.dumps(encode_delivery(each))}
        for each in found
        if each.job_id in keys
    ]
    statement = database.insert(deliveries)
    if replaces:
        statement = statement.on_conflict_do_update(index_elements=["id"], set_={"record": statement.excluded.record})
    else:
        statement = statement.on_conflict_do_nothing()
    if rows:
        await connection.execute(statement, rows)


async def read_deliveries(connection: AsyncConnection, tenant: str, job_id: str) -> tuple[DeliveryRecord, ...]:
    """Return the deliveries of a job in any order. Those that cannot be read are left out."""
    query = (
        select(deliveries.c.id, deliveries.c.record)
        .join_from(deliveries, jobs)
        .where(jobs.c.tenant == tenant, jobs.c.id == job_id)
    )
    rows = await connection.execute(query)
    return tuple(record for row in rows if (record := delivery_or_none(row.id, row.record)))


async def read_delivery(connection: AsyncConnection, tenant: str, delivery_id: str) -> DeliveryRecord | None:
    """Return a delivery; `None` if the tenant has no such delivery here, or if it cannot be read."""
    query = (
        select(deliveries.c.record)
        .join_from(deliveries, jobs)
        .where(jobs.c.tenant == tenant, deliveries.c.id == delivery_id)
    )
    record = await connection.scalar(query)
    return None if record is None else delivery_or_none(delivery_id, record)


def delivery_or_none(delivery_id: str, text: str) -> DeliveryRecord | None:
    """Return the delivery of the column `record`; `None`, logged once, if it cannot be read."""
    try:
        return decode_delivery(json.loads(text))
    except (RecordUnreadable, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        log_unreadable(delivery_id, repr(error))
        return None
