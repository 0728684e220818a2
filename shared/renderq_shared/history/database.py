"""Connections to the history's database: transactions, time limits, translation of errors."""

import asyncio
import contextlib
import hashlib
import socket
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

import aiosqlite
from sqlalchemy import Table, make_url, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from renderq_shared.errors import HistoryUnavailable
from renderq_shared.history.engines import WRITES, Access, postgres_engine, sqlite_engine
from renderq_shared.history.outage import Outage
from renderq_shared.history.tables import database_id
from renderq_shared.history.text_index import PostgresTextIndex, SqliteTextIndex, TextIndex
from renderq_shared.history_url import check_history_url, sqlite_path

_TIMEOUT_S = 10.0
"""Limit of one transaction of a service, above the limits of its statements and locks."""

_WRITE_LOCK = 0x72656E6465727168
"""PostgreSQL's advisory lock of writers: "renderqh"."""

_ERASURE = (
    "INSERT INTO job_words (job_words) VALUES ('optimize')",  # deleted words stay in the index until it is merged
    "VACUUM",
)


@dataclass(frozen=True, slots=True)
class Database:
    """One database: an engine and what differs between SQLite and PostgreSQL."""

    engine: AsyncEngine
    text_index: TextIndex
    timeout_s: float | None
    """Limit of a transaction."""
    place: str
    """Where this copy of the database is: host and path of a SQLite file; empty for a server."""
    outage: Outage = field(default_factory=Outage)

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    def insert(self, table: Table) -> "sqlite.Insert | postgresql.Insert":
        """Return an insert that can say what to do about a conflict."""
        return sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)

    @contextlib.asynccontextmanager
    async def reading(self) -> AsyncGenerator[AsyncConnection]:
        """Open a transaction that only reads. Raises `HistoryUnavailable`."""
        async with self._transaction(self.engine) as connection:
            yield connection

    @contextlib.asynccontextmanager
    async def writing(self) -> AsyncGenerator[AsyncConnection]:
        """Open a transaction that writes: committed at the end, rolled back by an exception.

        It excludes other writers, so what it reads remains true until its end. Raises `HistoryUnavailable`.
        """
        async with self._transaction(self.engine.execution_options(**{WRITES: True})) as connection:
            if not self.is_sqlite:  # there `BEGIN IMMEDIATE` does it
                await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _WRITE_LOCK})
            yield connection

    @contextlib.asynccontextmanager
    async def _transaction(self, engine: AsyncEngine) -> AsyncGenerator[AsyncConnection]:
        try:
            with self.outage.attempt():
                async with asyncio.timeout(self.timeout_s), _connected(engine) as connection, connection.begin():
                    yield connection
        except TimeoutError as error:
            limit = f" within {self.timeout_s:g} s" if self.timeout_s else ""
            raise HistoryUnavailable(f"{self} does not respond{limit}") from error
        except OSError as error:
            refusal = "cannot be opened" if self.is_sqlite else "accepts no connection"
            raise HistoryUnavailable(f"{self} {refusal}: {_reason(error)}") from error
        except SQLAlchemyError as error:
            raise HistoryUnavailable(f"{self} refuses commands: {_reason(error)}") from error

    async def erase_deleted(self) -> None:
        """Rewrite the files of SQLite without what deleted rows left in them. Takes a while if they are large.

        Raises `HistoryUnavailable`.
        """
        if not self.is_sqlite:
            return
        try:
            async with self.engine.connect() as connection:
                driver: Any = (await connection.get_raw_connection()).driver_connection
                for statement in _ERASURE:
                    await driver.execute_fetchall(statement)
                ((is_busy, *_),) = await driver.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")
        except (SQLAlchemyError, aiosqlite.Error, OSError) as error:
            raise HistoryUnavailable(f"{self} refuses commands: {_reason(error)}") from error
        if is_busy:
            raise HistoryUnavailable(f"{self} is being read, so that its log cannot be emptied")

    def __str__(self) -> str:
        return "the history's SQLite file" if self.is_sqlite else "the history's PostgreSQL server"


@contextlib.asynccontextmanager
async def _connected(engine: AsyncEngine) -> AsyncGenerator[AsyncConnection]:
    """Take a connection from the pool. Raises `OSError` if there is none, in contrast to errors of statements."""
    async with contextlib.AsyncExitStack() as stack:
        try:
            connection = await stack.enter_async_context(engine.connect())
        except SQLAlchemyError as error:
            raise ConnectionError(_reason(error)) from error
        yield connection


def history_address(url: str) -> str:
    """Return which database a URL names, without credentials and options."""
    check_history_url(url)
    if url.startswith("sqlite:"):
        return f"sqlite:{sqlite_path(url).resolve()}"
    parsed = make_url(url)
    host = parsed.host or parsed.query.get("host")
    return f"postgresql:{host}:{parsed.port or 5432}/{parsed.database}"


async def read_history_id(database: Database, connection: AsyncConnection) -> str:
    """Return the id under which API processes register a history of this release.

    An address would not do: two machines may each have their own database at `localhost`.
    """
    own_id = (await connection.scalars(select(database_id.c.id))).one()
    return hashlib.sha256(f"{own_id} {database.place}".encode()).hexdigest()[:16]


@contextlib.asynccontextmanager
async def open_database(url: str, access: Access = Access.SERVICE) -> AsyncGenerator[Database]:
    """Open a database. Connects only when it is used.

    Raises `HistoryUnsuitable` without the database's driver, for an option that it does not have, and for a SQLite
    file on a network file system unless it is only inspected.
    """
    check_history_url(url)
    timeout_s = _TIMEOUT_S if access is Access.SERVICE else None
    if url.startswith("sqlite:"):
        path = sqlite_path(url)
        place = f"{socket.gethostname()} {path.resolve()}"
        database = Database(sqlite_engine(path, access), SqliteTextIndex(), timeout_s, place)
    else:
        database = Database(postgres_engine(make_url(url), access), PostgresTextIndex(), timeout_s, place="")
    try:
        yield database
    finally:
        await database.engine.dispose()


def _reason(error: Exception) -> str:
    """Return the first line of the driver's own message, without the statement and its parameters."""
    cause = getattr(error, "orig", None) or error
    if isinstance(cause, OSError) and cause.filename:
        return f"{cause.filename}: {cause.strerror}"
    return (str(cause).strip() or type(cause).__name__).splitlines()[0]
