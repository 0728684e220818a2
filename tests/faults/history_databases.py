"""Databases of ended jobs that can be frozen, filled and restored, each on a small disk of its own."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import psycopg

from renderq_shared.history_url import sqlite_url
from tests.postgres_server import Postgres
from tests.small_disk import SmallDisk


class SqliteDatabase:
    """A SQLite file."""

    def __init__(self, folder: Path) -> None:
        disk = folder / "disk"
        disk.mkdir()
        self.disk = SmallDisk(disk, megabytes=16)
        self._path = disk / "history.db"
        self._backup = folder / "backup.db"
        self.url = sqlite_url(str(self._path))

    def execute(self, *statements: str) -> None:
        with self._open() as connection, connection:
            for statement in statements:
                connection.execute(statement)

    def column(self, query: str) -> set[str]:
        with self._open() as connection:
            return {value for (value,) in connection.execute(query)}

    def freeze(self, seconds: float) -> None:
        """Let another process that writes hold the lock and hang for this time."""
        with self._open() as connection:
            connection.execute("BEGIN IMMEDIATE")
            time.sleep(seconds)

    def fill_disk(self) -> None:
        """Empty the write-ahead log, whose space would be used again, and use all that is left."""
        self.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.disk.fill()

    def back_up(self) -> None:
        self._copy(self._path, self._backup)

    def restore(self) -> None:
        """Replace all data by those of `back_up`, as `.restore` of the command line does."""
        self._copy(self._backup, self._path)

    def restart(self) -> None:
        """There is no server."""

    def close(self) -> None:
        self.disk.close()

    def _open(self) -> "closing[sqlite3.Connection]":
        return closing(sqlite3.connect(self._path, timeout=30))

    def _copy(self, source: Path, target: Path) -> None:
        with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
            old.backup(new)


class PostgresDatabase:
    """A PostgreSQL server."""

    def __init__(self) -> None:
        self._server = Postgres(on_small_disk=True)
        self._server.start()
        assert self._server.disk
        self.disk = self._server.disk
        self.url = self._server.url

    def execute(self, *statements: str) -> None:
        with psycopg.connect(self.url) as connection:
            for statement in statements:
                connection.execute(statement)

    def column(self, query: str) -> set[str]:
        with psycopg.connect(self.url) as connection:
            return {value for (value,) in connection.execute(query)}

    def freeze(self, seconds: float) -> None:
        """Stop all processes of the server, by SIGSTOP, for this time."""
        self._server.pause()
        try:
            time.sleep(seconds)
        finally:
            self._server.resume()

    def fill_disk(self) -> None:
        self.disk.fill()

    def back_up(self) -> None:
        self._server.back_up()

    def restore(self) -> None:
        """Replace all data by those of `back_up`."""
        self._server.restore()

    def kill(self) -> None:
        self._server.kill()

    def restart(self) -> None:
        """Start a server that has been killed, or that a full disk has ended."""
        if not self._server.is_alive:
            self._server.start()

    def close(self) -> None:
        self._server.close()


HistoryDatabase = SqliteDatabase | PostgresDatabase
