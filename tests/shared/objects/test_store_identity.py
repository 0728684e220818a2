"""A worker that does not use the API's store is refused."""

import shutil
from pathlib import Path

import pytest

from renderq_shared.errors import ObjectStoreUnavailable, ObjectStoreUnsuitable, StoreUnavailable
from renderq_shared.objects import FolderStore, check_same_store, publish_store_id, published_store_id
from renderq_shared.redis.clients import async_client, sync_client


async def test_same_folder_is_fine_and_another_is_not(redis_url: str, tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "a")
    with sync_client(redis_url) as client:
        check_same_store(client, store)  # nothing is published yet
        async with async_client(redis_url) as publisher:
            assert await published_store_id(publisher) is None
            await publish_store_id(publisher, store)
            assert await published_store_id(publisher) == store.id
        check_same_store(client, FolderStore(tmp_path / "a"))
        other = FolderStore(tmp_path / "b")
        with pytest.raises(ObjectStoreUnavailable, match="then set RENDERQ_STORE"):
            check_same_store(client, other)
        assert other.id
        with pytest.raises(ObjectStoreUnsuitable, match="Set RENDERQ_STORE"):
            check_same_store(client, other)


async def test_emptied_folder_is_accepted_again_once_the_api_has_checked_it(redis_url: str, tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "a")
    async with async_client(redis_url) as publisher:
        await publish_store_id(publisher, store)
    shutil.rmtree(store.root)
    worker = FolderStore(store.root)
    with sync_client(redis_url) as client:
        worker.check()
        with pytest.raises(ObjectStoreUnavailable, match="was emptied"):
            check_same_store(client, worker)
        store.check()
        check_same_store(client, worker)


async def test_unreachable_redis_is_a_store_error(tmp_path: Path) -> None:
    async with async_client("redis://127.0.0.1:1/0") as client:
        with pytest.raises(StoreUnavailable):
            await publish_store_id(client, FolderStore(tmp_path))
        with pytest.raises(StoreUnavailable):
            await published_store_id(client)
