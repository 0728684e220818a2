"""Contract tests of the history run on every database."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from renderq_shared.history import History, open_history
from renderq_shared.history_url import sqlite_url


@pytest.fixture(params=["sqlite", "postgresql"])
def history_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database without tables."""
    if request.param == "sqlite":
        return sqlite_url(str(tmp_path / "history.db"))
    return request.getfixturevalue("postgres_url")


@pytest.fixture
async def history(history_url: str) -> AsyncIterator[History]:
    async with open_history(history_url) as opened:
        await opened.migrate()
        yield opened
