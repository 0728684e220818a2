"""The history in SQLite or PostgreSQL."""

import contextlib
import time
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from sqlalchemy import Table, bindparam, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from renderq.contract import LIMITS, Status
from renderq_shared.errors import RecordUnreadable
from renderq_shared.history.database import Database, open_database, read_history_id
from renderq_shared.history.expiry import due_jobs, oldest_jobs, stored_bytes
from renderq_shared.history.filters import conditions, positioned_before
from renderq_shared.history.job_deliveries import put_deliveries, read_deliveries, read_delivery
from renderq_shared.history.job_rows import JobRows, job_rows, read_record, read_record_or_none
from renderq_shared.history.migration import migrate
from renderq_shared.history.records import (
    ArchiveResult,
    ExpiryResult,
    FailureCount,
    HistoryFilter,
    HistoryRetention,
    UsageDay,
)
from renderq_shared.history.tables import deleted_jobs, images, job_metadata, jobs, labels, removals, usage_days
from renderq_shared.history.tenant_purges import TOMBSTONE_MS, TenantPurges
from renderq_shared.history.text_index import IndexedWords
from renderq_shared.history.usage import add_usage
from renderq_shared.jobs import ArchivedRemoval, DeliveryRecord, JobPage, JobPosition, JobRecord
from renderq_shared.jobs.stored_results import encode_labels
from renderq_shared.redis.records import log_unreadable


class SqlHistory:
    """`History` in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._purges = TenantPurges(database)

    async def migrate(self) -> None:
        await migrate(self._database)

    async def id(self) -> str:
        async with self._database.reading() as connection:
            return await read_history_id(self._database, connection)

    async def archive(self, jobs: Sequence[JobRecord]) -> ArchiveResult:
        newest = {job.id: job for job in sorted(jobs, key=lambda job: job.version)}
        rows = list(map(job_rows, newest.values()))
        async with self._database.writing() as connection:
            refused = await self._purges.refused(connection, jobs) | await self._deleted(connection, newest)
            rows = [row for row in rows if row.job["id"] not in refused]
            return ArchiveResult(await self._store(connection, rows) if rows else 0, refused)

    async def archive_deliveries(self, deliveries: Sequence[DeliveryRecord]) -> None:
        async with self._database.writing() as connection:
            await put_deliveries(self._database, connection, deliveries)

    async def deliveries(self, tenant: str, job_id: str) -> tuple[DeliveryRecord, ...]:
        async with self._database.reading() as connection:
            return await read_deliveries(connection, tenant, job_id)

    async def delivery(self, tenant: str, delivery_id: str) -> DeliveryRecord | None:
        async with self._database.reading() as connection:
            return await read_delivery(connection, tenant, delivery_id)

    async def get_job(self, tenant: str, job_id: str) -> JobRecord | None:
        query = select(jobs.c.record).where(jobs.c.tenant == tenant, jobs.c.id == job_id)
        async with self._database.reading() as connection:
            record = await connection.scalar(query)
        return None if record is None else read_record(job_id, record)

    async def page(
        self, tenant: str, job_filter: HistoryFilter, limit: int, after: JobPosition | None = None
    ) -> JobPage:
        query = (
            select(jobs.c.id, jobs.c.created_ms, jobs.c.record)
            .where(*conditions(tenant, job_filter, self._database.text_index))
            .order_by(jobs.c.created_ms.desc(), jobs.c.id.desc())
            .limit(limit + 1)
        )
        if after:
            query = query.where(positioned_before(after))
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        shown, last = rows[:limit], None
        if len(rows) > limit:
            last = JobPosition(shown[-1].created_ms, shown[-1].id)
        records = _readable({row.id: row.record for row in shown})
        unreadable = tuple(JobPosition(row.created_ms, row.id) for row in shown if row.id not in records)
        return JobPage(tuple(records.values()), last, unreadable)

    async def batch_statuses(self, tenant: str, batch_id: str) -> dict[str, Status]:
        query = select(jobs.c.id, jobs.c.status).where(jobs.c.tenant == tenant, jobs.c.batch_id == batch_id)
        async with self._database.reading() as connection:
            return {row.id: Status(row.status) for row in await connection.execute(query)}

    async def batches(self, tenant: str, limit: int, before: str | None = None) -> tuple[str, ...]:
        query = select(jobs.c.batch_id).where(jobs.c.tenant == tenant, jobs.c.batch_id.is_not(None)).distinct()
        if before is not None:
            query = query.where(jobs.c.batch_id < before)
        async with self._database.reading() as connection:
            return tuple((await connection.scalars(query.order_by(jobs.c.batch_id.desc()).limit(limit))).all())

    async def annotate(
        self, tenant: str, job_id: str, *, kept: bool | None = None, labels: Sequence[str] | None = None
    ) -> JobRecord | None:
        query = select(jobs.c.record).where(jobs.c.tenant == tenant, jobs.c.id == job_id)
        async with self._database.writing() as connection:
            record = await connection.scalar(query)
            if record is None:
                return None
            job = read_record(job_id, record)
            changed = replace(
                job,
                kept=job.kept if kept is None else kept,
                labels_json=job.labels_json if labels is None else encode_labels(labels),
            )
            if changed != job:
                changed = replace(changed, version=job.version + 1)
                await self._store(connection, [job_rows(changed)])
            return changed

    async def delete(self, tenant: str, *job_ids: str) -> frozenset[str]:
        query = select(jobs.c.key, jobs.c.id, jobs.c.record).where(jobs.c.tenant == tenant, jobs.c.id.in_(job_ids))
        async with self._database.writing() as connection:
            rows = (await connection.execute(query)).all()
            await self._delete(connection, {row.key: _deletion(tenant, row.id, row.record) for row in rows})
        return frozenset(row.id for row in rows)

    async def expire(self, retention: HistoryRetention, limit: int) -> ExpiryResult:
        async with self._database.writing() as connection:
            expired = await due_jobs(connection, retention, retention.outputs_ms, limit, outputs_expired=False)
            if not expired and retention.outputs_bytes is not None:
                excess = await stored_bytes(connection) - retention.outputs_bytes
                expired = await oldest_jobs(connection, excess, limit)
            changed = [
                replace(job, outputs_expired=True, outputs_json=None, grid_json=None, version=job.version + 1)
                for job in expired.values()
            ]
            if changed:
                await self._store(connection, list(map(job_rows, changed)))
                expiries = [ArchivedRemoval(job.tenant, job.id, job.images, is_deleted=False) for job in changed]
                await self._schedule_removals(connection, expiries)
            deleted = await due_jobs(connection, retention, retention.jobs_ms, limit, outputs_expired=True)
            deletions = {
                key: ArchivedRemoval(job.tenant, job.id, job.images, is_deleted=True) for key, job in deleted.items()
            }
            await self._delete(connection, deletions)
        more = max(len(expired), len(deleted)) >= limit
        return ExpiryResult(_ids(expired), _ids(deleted), more)

    async def removals(self, limit: int, tenant: str | None = None) -> tuple[ArchivedRemoval, ...]:
        query = select(removals).order_by(removals.c.id).limit(limit)
        if tenant is not None:
            query = query.where(removals.c.tenant == tenant)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return tuple(ArchivedRemoval(row.tenant, row.id, row.images, row.is_deleted) for row in rows)

    async def confirm_removals(self, confirmed: Sequence[ArchivedRemoval]) -> None:
        async with self._database.writing() as connection:
            for each in confirmed:
                # A job that was deleted after its images had expired is removed twice.
                same = (removals.c.id == each.job_id, removals.c.is_deleted == each.is_deleted)
                await connection.execute(delete(removals).where(*same))

    async def start_purge(self, tenant: str, started_ms: int) -> None:
        await self._purges.start(tenant, started_ms)

    async def purge_jobs(self, tenant: str, job_ids: Sequence[str]) -> None:
        await self._purges.delete_jobs(tenant, job_ids)

    async def finish_purge(self, tenant: str, started_ms: int) -> None:
        await self._purges.finish(tenant, started_ms)

    async def erase_deleted(self) -> None:
        await self._database.erase_deleted()

    async def usage(self, tenant: str | None, first: date, last: date) -> tuple[UsageDay, ...]:
        query = select(usage_days).where(usage_days.c.day.between(first, last))
        if tenant is not None:
            query = query.where(usage_days.c.tenant == tenant)
        async with self._database.reading() as connection:
            rows = await connection.execute(query.order_by(usage_days.c.day, usage_days.c.tenant))
            return tuple(UsageDay(**row) for row in rows.mappings())

    async def failures(self, since_ms: int) -> tuple[FailureCount, ...]:
        count = func.count().label("jobs")
        query = (
            select(
                jobs.c.error_code, jobs.c.model, jobs.c.worker, count, func.max(jobs.c.completed_ms).label("last_ms")
            )
            .where(jobs.c.error_code.is_not(None), jobs.c.completed_ms >= since_ms)
            .group_by(jobs.c.error_code, jobs.c.model, jobs.c.worker)
            .order_by(count.desc(), jobs.c.error_code, jobs.c.model, jobs.c.worker)
        )
        async with self._database.reading() as connection:
            return tuple(FailureCount(**row) for row in (await connection.execute(query)).mappings())

    async def _delete(self, connection: AsyncConnection, deletions: Mapping[int, ArchivedRemoval]) -> None:
        """Delete jobs by key, refuse them in `archive` from now on, and leave their files to the job store."""
        if deletions:
            await self._database.text_index.remove(connection, list(deletions))
            await connection.execute(delete(jobs).where(jobs.c.key.in_(deletions)))
            await self._bury(connection, [each.job_id for each in deletions.values()])
            await self._schedule_removals(connection, deletions.values())

    async def _schedule_removals(self, connection: AsyncConnection, scheduled: Iterable[ArchivedRemoval]) -> None:
        statement = self._database.insert(removals)
        statement = statement.on_conflict_do_update(
            index_elements=["id"], set_={"is_deleted": statement.excluded.is_deleted}
        )
        rows = [
            {"id": each.job_id, "tenant": each.tenant, "images": each.images, "is_deleted": each.is_deleted}
            for each in scheduled
        ]
        await connection.execute(statement, rows)

    async def _bury(self, connection: AsyncConnection, job_ids: Sequence[str]) -> None:
        now_ms = time.time_ns() // 1_000_000
        statement = self._database.insert(deleted_jobs).on_conflict_do_nothing()
        await connection.execute(statement, [{"id": job_id, "deleted_ms": now_ms} for job_id in job_ids])
        await connection.execute(delete(deleted_jobs).where(deleted_jobs.c.deleted_ms < now_ms - TOMBSTONE_MS))

    async def _deleted(self, connection: AsyncConnection, job_ids: Iterable[str]) -> frozenset[str]:
        query = select(deleted_jobs.c.id).where(deleted_jobs.c.id.in_(job_ids))
        return frozenset((await connection.scalars(query)).all())

    async def _store(self, connection: AsyncConnection, rows: Sequence[JobRows]) -> int:
        """Insert unknown jobs, replace lower versions. Returns the number of unknown ones."""
        by_id = {row.job["id"]: row for row in rows}
        added = await self._insert_jobs(connection, rows)
        await add_usage(self._database, connection, (by_id[job_id].usage for job_id in added))
        updated = await self._update_jobs(connection, [row for row in rows if row.job["id"] not in added])
        if updated:
            await self._remove_details(connection, list(updated.values()))
        await self._insert_details(connection, [(key, by_id[job_id]) for job_id, key in (added | updated).items()])
        return len(added)

    async def _insert_jobs(self, connection: AsyncConnection, rows: Sequence[JobRows]) -> dict[str, int]:
        """Return id → key of the jobs that were unknown."""
        statement = self._database.insert(jobs).on_conflict_do_nothing().returning(jobs.c.id, jobs.c.key)
        inserted = await connection.execute(statement, [row.job for row in rows])
        return {row.id: row.key for row in inserted}

    async def _update_jobs(self, connection: AsyncConnection, rows: Sequence[JobRows]) -> dict[str, int]:
        """Return id → key of the jobs whose stored version was lower."""
        if not rows:
            return {}
        ids = [row.job["id"] for row in rows]
        known = select(jobs.c.id, jobs.c.key, jobs.c.version).where(jobs.c.id.in_(ids))
        stored = {row.id: row for row in await connection.execute(known)}
        newer = [row for row in rows if row.job["version"] > stored[row.job["id"]].version]
        if newer:
            statement = update(jobs).where(jobs.c.id == bindparam("job_id"))
            await connection.execute(statement, [row.job | {"job_id": row.job["id"]} for row in newer])
        return {row.job["id"]: stored[row.job["id"]].key for row in newer}

    async def _insert_details(self, connection: AsyncConnection, keyed: Sequence[tuple[int, JobRows]]) -> None:
        if not keyed:
            return
        for table, details in (
            (images, [detail | {"key": key} for key, row in keyed for detail in row.images]),
            (labels, [detail | {"key": key} for key, row in keyed for detail in row.labels]),
            (job_metadata, [detail | {"key": key} for key, row in keyed for detail in row.metadata]),
        ):
            await _insert_all(connection, table, details)
        words = [IndexedWords(key, row.job["tenant"], row.words) for key, row in keyed]
        await self._database.text_index.put(connection, words)

    async def _remove_details(self, connection: AsyncConnection, keys: Sequence[int]) -> None:
        for table in (images, labels, job_metadata):
            await connection.execute(delete(table).where(table.c.key.in_(keys)))
        await self._database.text_index.remove(connection, keys)


@contextlib.asynccontextmanager
async def open_history(url: str) -> AsyncGenerator[SqlHistory]:
    """Open the history in the database of this URL: `sqlite:///PATH` or `postgresql://…`."""
    async with open_database(url) as database:
        yield SqlHistory(database)


async def _insert_all(connection: AsyncConnection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        await connection.execute(insert(table), rows)


def _readable(texts: Mapping[str, str]) -> dict[str, JobRecord]:
    """Return id → record of those that can be read, in the same order; log each other one once."""
    found: dict[str, JobRecord] = {}
    for job_id, text in texts.items():
        try:
            found[job_id] = read_record(job_id, text)
        except RecordUnreadable as error:
            log_unreadable(job_id, error.reason)
    return found


def _deletion(tenant: str, job_id: str, text: str) -> ArchivedRemoval:
    """Return the deletion of a job, of the maximum number of images if its record cannot be read."""
    job = read_record_or_none(text)
    return ArchivedRemoval(tenant, job_id, job.images if job else LIMITS.images, is_deleted=True)


def _ids(found: Mapping[int, JobRecord]) -> tuple[str, ...]:
    return tuple(job.id for job in found.values())
