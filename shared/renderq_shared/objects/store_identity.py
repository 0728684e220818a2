"""Do API and workers see the same object store? The API announces its store's id in Redis; a worker compares.

The clients are those of `renderq_shared.jobs`, which decode replies to text.

Without this a worker on another machine would write its pictures where nobody ever looks.
"""

import asyncio
from typing import cast

from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from renderq_shared.errors import ObjectStoreUnsuitable
from renderq_shared.objects.store import ObjectStore
from renderq_shared.redis.errors import translate_errors

STORE_KEY = "rq:store"
"""Redis key of the announced id."""


async def publish_store_id(client: AsyncRedis, store: ObjectStore) -> None:
    """Tell all workers which store the API serves. The last API to start is right: stores may move."""
    id = await asyncio.to_thread(lambda: store.id)  # a folder's is read from it
    with translate_errors():
        await client.set(STORE_KEY, id)


async def published_store_id(client: AsyncRedis) -> str | None:
    """What was announced last; `None` before the first API."""
    with translate_errors():
        return cast(str | None, await client.get(STORE_KEY))


def check_same_store(client: Redis, store: ObjectStore) -> None:
    """Raises `ObjectStoreUnsuitable` if the API serves another store than this process sees."""
    with translate_errors():
        announced = cast(str | None, client.get(STORE_KEY))
    if announced is not None and announced != store.id:
        raise ObjectStoreUnsuitable(
            f"the API serves its pictures from another place than {store}: its store is {_short(announced)}, this one "
            f"{_short(store.id)}. Set RENDERQ_STORE to what the API uses; a folder of another machine must be mounted."
        )


def _short(id: str) -> str:
    """An S3 store's id is its address, a folder's is random."""
    return id if "://" in id else f"{id[:12]}…"
