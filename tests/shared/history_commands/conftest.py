import asyncio
from collections.abc import Iterable
from pathlib import Path

import pytest

from renderq_shared.history import open_history
from renderq_shared.jobs import JobRecord


@pytest.fixture(params=["sqlite", "postgresql"])
def history_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database without tables."""
    return f"sqlite:///{tmp_path}/history.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")


@pytest.fixture(autouse=True)
def _environment(redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RENDERQ_REDIS_URL", redis_url)
    monkeypatch.setenv("RENDERQ_DATA", str(tmp_path))


def archive(url: str, jobs: Iterable[JobRecord]) -> None:
    """Create the tables, and archive jobs."""

    async def fill() -> None:
        async with open_history(url) as history:
            await history.migrate()
            await history.archive(list(jobs))

    asyncio.run(fill())


def read_id(url: str) -> str:
    """Return the id under which API processes register a history that has its tables."""

    async def read() -> str:
        async with open_history(url) as history:
            return await history.id()

    return asyncio.run(read())
