"""Engines of SQLAlchemy for the history's databases."""

import asyncio
import contextlib
import errno
import os
import sqlite3
import stat
import time
from enum import Enum
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiosqlite
from sqlalchemy import URL, AsyncAdaptedQueuePool, Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from renderq_shared.errors import HistoryUnsuitable
from renderq_shared.history.file_systems import network_file_system

WRITES = "renderq_writes"
"""Execution option of transactions that write."""

SQLITE_BYTES = 128 << 20
"""Memory of all connections of a process to SQLite together: near it, their caches replace pages instead of growing."""

_LOCK_S = 5
_MAINTENANCE_LOCK_S = 60
_RETRY_S = 0.02

_IDLE_S = 10
"""Time after which PostgreSQL ends the transaction, with its locks, of a service that is frozen or cut off."""


class Access(Enum):
    """Purpose of a connection."""

    SERVICE = "service"
    """Bounded in time: an outage is an error within seconds."""
    MAINTENANCE = "maintenance"
    """Takes its time, but waits at most a minute for a lock."""
    INSPECTION = "inspection"
    """Takes its time, changes nothing, and each transaction sees one state of the database."""


def sqlite_engine(path: Path, access: Access) -> AsyncEngine:
    """Return the engine of a SQLite file. Raises `HistoryUnsuitable`."""
    reads = access is Access.INSPECTION
    if not reads and (kind := network_file_system(path)):
        raise HistoryUnsuitable(
            f"{path} is on a network file system ({kind}), where SQLite's locks are not reliable: set "
            "RENDERQ_HISTORY_URL to a PostgreSQL database, or to a SQLite file on a local disk"
        )
    lock_s = _LOCK_S if access is Access.SERVICE else _MAINTENANCE_LOCK_S

    async def connect(*_: object, **__: object) -> aiosqlite.Connection:
        if not reads:
            await asyncio.to_thread(_create_private, path)
        await asyncio.to_thread(_require_access, path, os.R_OK if reads else os.R_OK | os.W_OK)
        uri = f"file:{quote(str(path))}?mode={'ro' if reads else 'rw'}"
        connection = await aiosqlite.connect(uri, uri=True, timeout=lock_s)
        if not reads:
            await _use_write_ahead_log(connection, lock_s)
        return connection

    engine = create_async_engine(
        "sqlite+aiosqlite://", poolclass=AsyncAdaptedQueuePool, connect_args={"async_creator_fn": connect}
    )
    # With FULL, a job is on disk before Redis may forget it. The cache of each connection grows to 32 MB at most.
    own = ("synchronous = FULL", "foreign_keys = ON", "cache_size = -32000")
    pragmas = () if reads else (*own, f"soft_heap_limit = {SQLITE_BYTES}")

    @event.listens_for(engine.sync_engine, "connect")
    def configure(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver begins no transactions by itself; `begin` below does
        try:
            with contextlib.closing(connection.cursor()) as cursor:
                for pragma in pragmas:
                    cursor.execute(f"PRAGMA {pragma}")
        except Exception:
            connection.close()  # SQLAlchemy does not know this connection yet
            raise

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that reads first and writes later would fail instead of waiting for another writer.
        writes = connection.get_execution_options().get(WRITES)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _create_private(path: Path) -> None:
    """Create a file that only its owner may read, unless it exists. Raises `OSError`.

    A database must not be opened here: closing it would end SQLite's locks of this process, and another process that
    closes it last would delete the write-ahead log that this one goes on to write.
    """
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


async def _use_write_ahead_log(connection: aiosqlite.Connection, lock_s: float) -> None:
    """Switch the database to a write-ahead log, unless it has one. Closes the connection and raises `sqlite3.Error`.

    Where two connections switch at once, SQLite refuses one without waiting.
    """
    until = time.monotonic() + lock_s
    while True:
        try:
            await connection.execute_fetchall("PRAGMA journal_mode = WAL")
            return
        except sqlite3.Error as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                await connection.close()
                raise
        await asyncio.sleep(_RETRY_S)


def _require_access(path: Path, mode: int) -> None:
    """Raise `OSError` for what is no file, or may not be read or written; aiosqlite would leave a thread behind."""
    if stat.S_ISDIR(path.stat().st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not os.access(path, mode):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))


def postgres_engine(url: URL, access: Access) -> AsyncEngine:
    """Return the engine of a PostgreSQL database. Raises `HistoryUnsuitable`."""
    is_service = access is Access.SERVICE
    limits = {
        "statement_timeout": f"{_LOCK_S}s" if is_service else "0",
        "lock_timeout": f"{_LOCK_S if is_service else _MAINTENANCE_LOCK_S}s",
        "timezone": "UTC",
    }
    if is_service:
        limits["idle_in_transaction_session_timeout"] = f"{_IDLE_S}s"
    if access is Access.INSPECTION:
        limits |= {"default_transaction_read_only": "on", "default_transaction_isolation": r"repeatable\ read"}
    options = " ".join(f"-c {name}={value}" for name, value in limits.items())
    arguments: dict[str, Any] = {"connect_timeout": _LOCK_S, "options": options, "prepare_threshold": None}
    try:
        _check_options(url)
        from renderq_shared.history.postgres_connection import PostgresConnection

        arguments["async_creator_fn"] = PostgresConnection.connect
        return create_async_engine(url.set(drivername="postgresql+psycopg"), pool_pre_ping=True, connect_args=arguments)
    except ModuleNotFoundError as error:
        raise HistoryUnsuitable("a history in PostgreSQL needs its driver; install renderq[postgres]") from error


def _check_options(url: URL) -> None:
    """Raise `HistoryUnsuitable` for options that PostgreSQL's client library does not have."""
    from psycopg import ProgrammingError
    from psycopg.conninfo import make_conninfo

    try:
        make_conninfo(**dict.fromkeys(url.query, "x"))
    except ProgrammingError as error:
        raise HistoryUnsuitable(f"the URL of the history has an option that PostgreSQL lacks: {error}") from None
