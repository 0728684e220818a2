"""Memory that SQLite may take in one process."""

import contextlib
import sqlite3
from pathlib import Path

from renderq_shared.history.database import open_database
from renderq_shared.history.engines import SQLITE_BYTES
from renderq_shared.history_url import sqlite_url


async def test_all_connections_share_a_limit(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(":memory:")) as other:
        other.execute("PRAGMA soft_heap_limit = 0")  # as in a new process
        async with open_database(sqlite_url(str(tmp_path / "history.db"))) as database, database.reading():
            assert other.execute("PRAGMA soft_heap_limit").fetchone() == (SQLITE_BYTES,)
