"""Check that the API and its workers use the same object store: the API publishes its store id in Redis.

Without the check, a worker on another machine could write its images to a folder that the API never reads. The Redis
clients must be those of `renderq_shared.redis.clients`, which decode replies to text.
"""

import asyncio
from typing import cast

from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from renderq_shared.errors import ObjectStoreUnavailable, ObjectStoreUnsuitable
from renderq_shared.objects.store import ObjectStore
from renderq_shared.redis.errors import translate_errors

STORE_KEY = "rq:store"
"""Redis key of the published id."""


async def publish_store_id(client: AsyncRedis, store: ObjectStore, *, replace: bool = True) -> None:
    """Publish the id of the API's store. The last API to start wins, because a store may move.

    Without `replace`, only if none is published: Redis may have lost its data.
    """
    id = await asyncio.to_thread(lambda: store.id)  # a folder's id is a file in it
    with translate_errors(STORE_KEY):
        await client.set(STORE_KEY, id, nx=not replace)


async def published_store_id(client: AsyncRedis) -> str | None:
    """Return the id published last; `None` before the first API has started."""
    with translate_errors(STORE_KEY):
        return cast(str | None, await client.get(STORE_KEY))


def check_same_store(client: Redis, store: ObjectStore) -> None:
    """Raise `ObjectStoreUnsuitable` if the API uses another store than this process.

    Raises `ObjectStoreUnavailable` for a folder without an id: another one, or one that was emptied, to which a running
    API restores its id within a minute.
    """
    with translate_errors(STORE_KEY):
        published = cast(str | None, client.get(STORE_KEY))
    if published is None:
        return
    own = store.existing_id()
    if own is None:
        raise ObjectStoreUnavailable(
            f"{store} has no id. Either the API uses another object store: then set RENDERQ_STORE to it, and mount a "
            "folder of another machine. Or the folder was emptied: then a running API restores the id within a minute"
        )
    if own != published:
        raise ObjectStoreUnsuitable(
            f"the API uses another object store than {store}: its id is {_shorten(published)}, not "
            f"{_shorten(own)}. Set RENDERQ_STORE to the store of the API; mount a folder of another machine"
        )


def _shorten(id: str) -> str:
    """Shorten the random id of a folder; the id of an S3 store is its URL."""
    return id if "://" in id else f"{id[:12]}…"
