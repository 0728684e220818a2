"""Check that the API and its workers use the same object store: the API publishes its store id in Redis.

Without the check, a worker on another machine could write its images to a folder that the API never reads. The Redis
clients must be those of `renderq_shared.redis.clients`, which decode replies to text.
"""

import asyncio
from typing import cast

from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from renderq_shared.errors import ObjectStoreUnsuitable
from renderq_shared.objects.store import ObjectStore
from renderq_shared.redis.errors import translate_errors

STORE_KEY = "rq:store"
"""Redis key of the published id."""


async def publish_store_id(client: AsyncRedis, store: ObjectStore) -> None:
    """Publish the id of the API's store. The last API to start wins, because a store may move."""
    id = await asyncio.to_thread(lambda: store.id)  # a folder's id is a file in it
    with translate_errors():
        await client.set(STORE_KEY, id)


async def published_store_id(client: AsyncRedis) -> str | None:
    """Return the id published last; `None` before the first API has started."""
    with translate_errors():
        return cast(str | None, await client.get(STORE_KEY))


def check_same_store(client: Redis, store: ObjectStore) -> None:
    """Raise `ObjectStoreUnsuitable` if the API uses another store than this process."""
    with translate_errors():
        published = cast(str | None, client.get(STORE_KEY))
    if published is not None and published != store.id:
        raise ObjectStoreUnsuitable(
            f"the API uses another object store than {store}: its id is {_shorten(published)}, not "
            f"{_shorten(store.id)}. Set RENDERQ_STORE to the store of the API; mount a folder of another machine"
        )


def _shorten(id: str) -> str:
    """Shorten the random id of a folder; the id of an S3 store is its URL."""
    return id if "://" in id else f"{id[:12]}…"
