"""Rows of the history that contradict each other."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Row, Table, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from renderq_shared.history.database import Database
from renderq_shared.history.job_rows import JobRows, job_rows, read_record_or_none
from renderq_shared.history.maintenance.job_batches import job_batches
from renderq_shared.history.records import UsageDay
from renderq_shared.history.tables import deliveries, images, job_metadata, jobs, labels, usage_days
from renderq_shared.history.text_index import IndexedWords, TextIndex

_COLUMNS = [column for column in jobs.c if column.name not in {"key", "record"}]
_DETAILS: Mapping[str, Table] = {"images": images, "labels": labels, "metadata": job_metadata}
"""Part of a job → its table."""

_REBUILD = "`renderq history copy` to an empty database rebuilds them"


async def find_damage(database: Database, connection: AsyncConnection) -> list[str]:
    """Return one line for each kind of damage, with what to do about it."""
    if database.is_sqlite and (damage := await _file_damage(connection)):
        return [f"the file is damaged ({damage}); restore a backup, then run `renderq jobs restore`"]
    scan = _Scan(connection, database.text_index)
    async for rows in job_batches(connection, *_COLUMNS, jobs.c.record):
        await scan.compare(rows)
    return [
        *scan.findings(),
        *await _orphans(connection, database.text_index),
        *await _uncounted(connection, scan.usage),
    ]


class _Scan:
    """Comparison of all jobs with their records."""

    def __init__(self, connection: AsyncConnection, text_index: TextIndex) -> None:
        self._connection = connection
        self._text_index = text_index
        self._damaged = Counter[str]()
        """Part of a job → number of jobs where it is not that of the record."""
        self._examples: dict[str, str] = {}
        self.usage: dict[tuple[str, date], UsageDay] = {}
        """Usage of the jobs that are there."""

    async def compare(self, rows: Sequence[Row[Any]]) -> None:
        """Compare rows of `jobs`, in the order of their keys."""
        ids = {row.key: str(row.id) for row in rows}
        records = {row.key: read_record_or_none(row.record) for row in rows}
        self._add("record", [ids[key] for key, record in records.items() if record is None])
        expected = {key: job_rows(record) for key, record in records.items() if record}
        columns = {row.key: {column.name: getattr(row, column.name) for column in _COLUMNS} for row in rows}
        self._add("columns", [ids[key] for key, job in expected.items() if not columns[key].items() <= job.job.items()])
        for part, table in _DETAILS.items():
            stored = await self._stored_details(table, min(ids), max(ids))
            self._add(
                part, [ids[key] for key, job in expected.items() if stored[key] != _sorted(table, getattr(job, part))]
            )
        words = [IndexedWords(key, job.job["tenant"], job.words) for key, job in expected.items()]
        differing = await self._text_index.differing(self._connection, words) if words else ()
        self._add("words in the search index", [ids[key] for key in sorted(differing)])
        self._count(expected.values())

    def findings(self) -> list[str]:
        """Return what has been found so far."""
        found: list[str] = []
        for part, count in self._damaged.items():
            example = self._examples[part]
            if part == "record":
                remedy = "upgrade renderq if a newer version wrote them, else restore a backup"
                found.append(f"{count} records cannot be read, such as that of {example}; {remedy}")
            else:
                found.append(f"{count} jobs do not have the {part} of their record, such as {example}; {_REBUILD}")
        return found

    def _add(self, part: str, ids: Sequence[str]) -> None:
        if ids:
            self._damaged[part] += len(ids)
            self._examples.setdefault(part, ids[0])

    def _count(self, found: Iterable[JobRows]) -> None:
        for job in found:
            day = (job.usage.tenant, job.usage.day)
            self.usage[day] = self.usage[day] + job.usage if day in self.usage else job.usage

    async def _stored_details(self, table: Table, first: int, last: int) -> dict[int, list[tuple[Any, ...]]]:
        """Return key of a job → its rows of a table, for a range of keys."""
        rows = await self._connection.execute(select(table).where(table.c.key.between(first, last)))
        found: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
        for row in rows.mappings():
            found[row["key"]].append(dict(row))
        return defaultdict(list, {key: _sorted(table, details) for key, details in found.items()})


def _sorted(table: Table, rows: Iterable[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    """Return the values of rows but the key, sorted."""
    names = [column.name for column in table.c if column.name != "key"]
    return sorted(tuple(row[name] for name in names) for row in rows)


async def _file_damage(connection: AsyncConnection) -> str | None:
    first = str(await connection.scalar(text("PRAGMA quick_check(1)")))
    return None if first == "ok" else " ".join(first.split())


async def _orphans(connection: AsyncConnection, text_index: TextIndex) -> list[str]:
    found: list[str] = []
    tables = {**_DETAILS, "deliveries": deliveries}
    keys = {"the search index": text_index.keys()} | {part: select(table.c.key) for part, table in tables.items()}
    for name, query in keys.items():
        rows = query.subquery()
        orphans = select(func.count()).select_from(rows).where(rows.c[0].not_in(select(jobs.c.key)))
        if count := await connection.scalar(orphans):
            found.append(f"{count} rows of {name} belong to no job; `renderq history copy` leaves them out")
    return found


async def _uncounted(connection: AsyncConnection, usage: dict[tuple[str, date], UsageDay]) -> list[str]:
    """Find days whose usage is less than that of their jobs. It may be more, by that of deleted jobs."""
    async for row in (await connection.stream(select(usage_days))).mappings():
        stored = UsageDay(**row)
        counted = usage.get((stored.tenant, stored.day))
        if counted and stored.covers(counted):
            del usage[stored.tenant, stored.day]
    if not usage:
        return []
    tenant, day = min(usage)
    return [f"{len(usage)} days of usage lack jobs, such as {day} of {tenant}; {_REBUILD}"]
