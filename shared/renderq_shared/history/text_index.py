"""The index of words, in the form of each database. Both compare the words of `search.words` and split nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Select, bindparam, column, select, table, text
from sqlalchemy.ext.asyncio import AsyncConnection

from renderq_shared.history.search import Search


@dataclass(frozen=True, slots=True)
class IndexedWords:
    """Words of one job."""

    key: int
    """Key of its row."""
    tenant: str
    words: tuple[str, ...]


class TextIndex(Protocol):
    """Words of each job. Rows of deleted jobs must be removed by `remove`."""

    async def put(self, connection: AsyncConnection, jobs: Sequence[IndexedWords]) -> None:
        """Store the words of jobs that are not indexed."""
        ...

    async def remove(self, connection: AsyncConnection, keys: Sequence[int]) -> None:
        """Remove jobs; unknown ones are ignored."""
        ...

    async def differing(self, connection: AsyncConnection, jobs: Sequence[IndexedWords]) -> set[int]:
        """Return the keys of jobs that are not indexed with exactly these words. `jobs` is in the order of keys."""
        ...

    def keys(self) -> Select[tuple[int]]:
        """Return the query for the keys of all indexed jobs."""
        ...

    def matches(self, tenant: str, search: Search) -> Select[tuple[int]]:
        """Return the query for the keys of a tenant's jobs that match. It may return keys of other tenants, too."""
        ...


class SqliteTextIndex:
    """An FTS5 table whose rowid is the job's key. The tenant is indexed, too, so that a search reads one tenant's."""

    async def put(self, connection: AsyncConnection, jobs: Sequence[IndexedWords]) -> None:
        await connection.execute(
            text("INSERT INTO job_words (rowid, tenant, words) VALUES (:key, :tenant, :words)"),
            [{"key": job.key, "tenant": job.tenant, "words": " ".join(job.words)} for job in jobs],
        )

    async def remove(self, connection: AsyncConnection, keys: Sequence[int]) -> None:
        await connection.execute(text("DELETE FROM job_words WHERE rowid = :key"), [{"key": key} for key in keys])

    async def differing(self, connection: AsyncConnection, jobs: Sequence[IndexedWords]) -> set[int]:
        query = text("SELECT rowid, tenant, words FROM job_words WHERE rowid BETWEEN :first AND :last")
        rows = await connection.execute(query, {"first": jobs[0].key, "last": jobs[-1].key})
        stored = {key: (tenant, words) for key, tenant, words in rows}
        return {job.key for job in jobs if stored.get(job.key) != (job.tenant, " ".join(job.words))}

    def keys(self) -> Select[tuple[int]]:
        return select(column("rowid")).select_from(table("job_words"))

    def matches(self, tenant: str, search: Search) -> Select[tuple[int]]:
        phrases = " AND ".join(_quoted(" ".join(phrase)) for phrase in search.phrases)
        return (
            select(column("rowid"))
            .select_from(table("job_words"))
            .where(text("job_words MATCH :match"))
            .params(match=f"tenant : {_quoted(tenant)} AND words : ({phrases})")
        )


class PostgresTextIndex:
    """A table with a `tsvector` under a GIN index. Values are written as literals, so that no parser changes them."""

    async def put(self, connection: AsyncConnection, jobs: Sequence[IndexedWords]) -> None:
        await connection.execute(
            text("INSERT INTO job_words (key, words) VALUES (:key, CAST(:words AS tsvector))"),
            [{"key": job.key, "words": _tsvector(job.words)} for job in jobs],
        )

    async def remove(self, connection: AsyncConnection, keys: Sequence[int]) -> None:
        await connection.execute(text("DELETE FROM job_words WHERE key = ANY(:keys)"), {"keys": list(keys)})

    async def differing(self, connection: AsyncConnection, jobs: Sequence[IndexedWords]) -> set[int]:
        query = text(
            "SELECT job.key FROM unnest(CAST(:keys AS bigint[]), CAST(:words AS text[])) AS job (key, words) "
            "LEFT JOIN job_words ON job_words.key = job.key "
            "WHERE job_words.words IS DISTINCT FROM CAST(job.words AS tsvector)"
        )
        words = {"keys": [job.key for job in jobs], "words": [_tsvector(job.words) for job in jobs]}
        return set((await connection.scalars(query, words)).all())

    def keys(self) -> Select[tuple[int]]:
        return select(column("key")).select_from(table("job_words"))

    def matches(self, tenant: str, search: Search) -> Select[tuple[int]]:
        query = " & ".join(f"({_adjacent(phrase)})" for phrase in search.phrases)
        words = text("words @@ CAST(:query AS tsquery)").bindparams(bindparam("query", query))
        return select(column("key")).select_from(table("job_words")).where(words)


def _quoted(phrase: str) -> str:
    return '"' + phrase.replace('"', '""') + '"'


def _adjacent(phrase: Sequence[str]) -> str:
    return " <-> ".join(f"'{word}'" for word in phrase)


def _tsvector(words: Sequence[str]) -> str:
    return " ".join(f"'{word}':{min(position, 16_383)}" for position, word in enumerate(words, start=1))
