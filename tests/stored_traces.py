"""Everything that Redis, the history's database and the object store hold, as text to search for traces."""

from pathlib import Path

import redis
from sqlalchemy import text

from renderq_shared.history.database import open_database


def redis_contents(client: redis.Redis) -> str:
    """Return all keys and values but API keys, and Celery's own."""
    readers = {
        "string": client.get,
        "hash": client.hgetall,
        "list": lambda key: client.lrange(key, 0, -1),
        "set": client.smembers,
        "zset": lambda key: client.zrange(key, 0, -1, withscores=True),
    }
    keys = [key for key in client.scan_iter() if not key.startswith("rq:key")]
    return "\n".join(f"{key} {readers[client.type(key)](key)}" for key in keys if client.exists(key))


async def database_contents(url: str) -> str:
    """Return all rows of all tables, those of the search index included."""
    async with open_database(url) as database, database.reading() as connection:
        query = "SELECT name FROM sqlite_master WHERE type = 'table'"
        if not database.is_sqlite:
            query = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        names = (await connection.scalars(text(query))).all()
        rows = {name: (await connection.execute(text(f"SELECT * FROM {name}"))).all() for name in names}
        return str({name: [tuple(row) for row in found] for name, found in rows.items()})  # a row's repr is shortened


def file_contents(folder: Path) -> bytes:
    """Return names and contents of all files below a folder."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return b"\n".join(str(path.relative_to(folder)).encode() + b" " + path.read_bytes() for path in files)
