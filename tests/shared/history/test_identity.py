"""The id of a history tells databases apart, not addresses."""

import shutil
import socket
from pathlib import Path

import pytest

from renderq_shared.history import open_history
from renderq_shared.history_url import sqlite_url
from tests.postgres_server import Postgres


async def read_id(url: str) -> str:
    async with open_history(url) as history:
        await history.migrate()
        return await history.id()


async def test_one_database_has_one_id_under_all_its_addresses(postgres: Postgres, postgres_url: str) -> None:
    urls = [postgres_url, postgres_url.replace("127.0.0.1", "localhost"), postgres.socket_url]
    assert len({await read_id(url) for url in urls}) == 1


async def test_another_database_at_the_same_address_has_another_id(postgres: Postgres, postgres_url: str) -> None:
    before = await read_id(postgres_url)
    postgres.empty()
    assert await read_id(postgres_url) != before


async def test_a_copy_of_a_file_has_another_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own, copy = tmp_path / "history.db", tmp_path / "copy.db"
    own_id = await read_id(sqlite_url(str(own)))
    shutil.copy(own, copy)
    assert await read_id(sqlite_url(str(copy))) != own_id
    monkeypatch.chdir(tmp_path)
    assert await read_id("sqlite:///history.db") == own_id
    monkeypatch.setattr(socket, "gethostname", lambda: "another-machine")
    assert await read_id("sqlite:///history.db") != own_id
