"""A worker that does not see the API's folder is told so."""

from pathlib import Path

import pytest

from renderq_shared.errors import ObjectStoreUnsuitable, StoreUnavailable
from renderq_shared.jobs import async_client, sync_client
from renderq_shared.objects import FolderStore, announce, announced_id, compare


async def test_same_folder_is_fine_and_another_is_not(redis_url: str, tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "a")
    with sync_client(redis_url) as client:
        compare(client, store)  # nothing was announced yet
        async with async_client(redis_url) as announcer:
            assert await announced_id(announcer) is None
            await announce(announcer, store)
            assert await announced_id(announcer) == store.id
        compare(client, FolderStore(tmp_path / "a"))
        with pytest.raises(ObjectStoreUnsuitable, match="Set RENDERQ_STORE"):
            compare(client, FolderStore(tmp_path / "b"))


async def test_redis_that_is_away_is_ours_to_tell(tmp_path: Path) -> None:
    async with async_client("redis://127.0.0.1:1/0") as client:
        with pytest.raises(StoreUnavailable):
            await announce(client, FolderStore(tmp_path))
        with pytest.raises(StoreUnavailable):
            await announced_id(client)
