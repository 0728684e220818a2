"""A worker that does not use the API's store is refused."""

from pathlib import Path

import pytest

from renderq_shared.errors import ObjectStoreUnsuitable, StoreUnavailable
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
        with pytest.raises(ObjectStoreUnsuitable, match="Set RENDERQ_STORE"):
            check_same_store(client, FolderStore(tmp_path / "b"))


async def test_unreachable_redis_is_a_store_error(tmp_path: Path) -> None:
    async with async_client("redis://127.0.0.1:1/0") as client:
        with pytest.raises(StoreUnavailable):
            await publish_store_id(client, FolderStore(tmp_path))
        with pytest.raises(StoreUnavailable):
            await published_store_id(client)
