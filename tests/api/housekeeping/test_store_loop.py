"""Health of the object store, and the loop that checks it."""

import asyncio
import shutil
from pathlib import Path

from renderq_api.housekeeping import StoreHealth, StoreLoop
from renderq_shared.objects import FolderStore, publish_store_id, published_store_id
from renderq_shared.redis.clients import async_client


async def test_simultaneous_callers_get_the_check_that_they_waited_for(tmp_path: Path) -> None:
    """The first caller to resume starts the next check before the others have read theirs."""
    health = StoreHealth(FolderStore(tmp_path))

    async def ask_twice() -> list[str | None]:
        return [await health.problem(10) for _ in range(2)]

    assert await asyncio.gather(*(ask_twice() for _ in range(3))) == [[None, None]] * 3


async def test_id_of_an_exchanged_folder_is_published(redis_url: str, tmp_path: Path) -> None:
    store, other = FolderStore(tmp_path / "store"), FolderStore(tmp_path / "other")
    async with async_client(redis_url) as redis:
        await publish_store_id(redis, store)
        loop = StoreLoop(store, StoreHealth(store), lambda replace: publish_store_id(redis, store, replace=replace))
        await loop.run_once()
        id = other.id
        shutil.rmtree(store.root)
        other.root.rename(store.root)
        await loop.run_once()
        assert await published_store_id(redis) == id


async def test_emptied_folder_keeps_the_published_id(redis_url: str, tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "store")
    async with async_client(redis_url) as redis:
        await publish_store_id(redis, store)
        loop = StoreLoop(store, StoreHealth(store), lambda replace: publish_store_id(redis, store, replace=replace))
        await loop.run_once()
        shutil.rmtree(store.root)
        await loop.run_once()
        assert FolderStore(store.root).existing_id() == await published_store_id(redis)


async def test_id_is_published_again_after_redis_has_lost_its_data(redis_url: str, tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "store")
    async with async_client(redis_url) as redis:
        loop = StoreLoop(store, StoreHealth(store), lambda replace: publish_store_id(redis, store, replace=replace))
        await publish_store_id(redis, store)
        await loop.run_once()
        await redis.flushall()
        await loop.run_once()
        assert await published_store_id(redis) == store.id
