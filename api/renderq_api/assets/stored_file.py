"""File in the object store, read as a whole."""

from starlette.concurrency import run_in_threadpool

from renderq_shared.objects import ObjectStore


async def read_file(objects: ObjectStore, key: str) -> bytes:
    """Return an object. Raises `ObjectNotFound` and `ObjectStoreUnavailable`."""
    return await run_in_threadpool(lambda: b"".join(objects.read(key)))
