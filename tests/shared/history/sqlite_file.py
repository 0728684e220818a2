"""Direct access to a history in a SQLite file."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

_TABLES = (
    "job_words",
    "images",
    "labels",
    "job_metadata",
    "deliveries",
    "jobs",
    "deleted_jobs",
    "purged_tenants",
    "removals",
    "usage_days",
)


def empty_history(data: Path) -> None:
    """Delete all rows of the history in a data folder, if there is one."""
    if (data / "history.db").exists():
        with _open(data) as connection:
            for table in _TABLES:
                connection.execute(f"DELETE FROM {table}")


def make_history_older(data: Path, ms: int) -> None:
    """Shift the times of all jobs as if `ms` milliseconds had passed."""
    with _open(data) as connection:
        for name in ("created_ms", "completed_ms"):
            record = f"json_set(record, '$.{name}', CAST({name} - ? AS TEXT))"
            connection.execute(f"UPDATE jobs SET record = {record}, {name} = {name} - ?", (ms, ms))


@contextlib.contextmanager
def _open(data: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(data / "history.db", timeout=30)) as connection, connection:
        yield connection
