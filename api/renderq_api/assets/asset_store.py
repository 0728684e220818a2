"""Asset store: check an image file, store it by content, return its record."""

import asyncio
import hashlib
import secrets

from starlette.concurrency import run_in_threadpool

from renderq_api.assets.image_check import check_image
from renderq_api.assets.image_header import ImageHeader
from renderq_shared.errors import ObjectNotFound, ObjectStoreUnavailable
from renderq_shared.jobs import AssetRecord, AsyncJobStore, NewAsset, commands
from renderq_shared.objects import ObjectStore

_RESERVATION_MS = 3_600_000
"""Lifetime of a reservation. Retention removes the file of an expired one: its writer is gone."""

_EXTENSIONS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}


class AssetStore:
    """Stores input images. Decodes one image at a time, so that large ones cannot exhaust memory."""

    def __init__(self, jobs: AsyncJobStore, objects: ObjectStore) -> None:
        self._jobs = jobs
        self._objects = objects
        self._decoding = asyncio.Lock()

    async def add(self, tenant: str, data: bytes) -> AssetRecord:
        """Store an image, or extend the lifetime of the tenant's asset with the same content.

        Raises `ImageRejected`, `StoreUnavailable` and `ObjectStoreUnavailable`.
        """
        async with self._decoding:
            header = await asyncio.to_thread(check_image, data)
            digest = await asyncio.to_thread(lambda: hashlib.sha256(data).hexdigest())
        asset = _new_asset(tenant, header, digest, len(data))
        known = await self._jobs.call(commands.reserve_asset(asset, _RESERVATION_MS))
        if known is not None and await run_in_threadpool(self._exists, known.key):
            return known
        await run_in_threadpool(self._objects.put, (known or asset).key, data, asset.content_type)
        record = known or await self._jobs.call(commands.commit_asset(asset))
        if record is None:
            raise ObjectStoreUnavailable(f"{self._objects} took more than an hour to store an image")
        return record

    def _exists(self, key: str) -> bool:
        """Return whether the object exists: the operator may have deleted it."""
        try:
            self._objects.info(key)
        except ObjectNotFound:
            return False
        return True


def _new_asset(tenant: str, header: ImageHeader, digest: str, size_bytes: int) -> NewAsset:
    """Return an asset whose key has a folder of its own inside the tenant's.

    The tenant's name is hashed because it may contain any characters.
    """
    owner, folder, name = hashlib.sha256(tenant.encode()).hexdigest(), secrets.token_hex(16), f"asset_{digest}"
    return NewAsset(
        id=name,
        tenant=tenant,
        key=f"assets/{owner}/{folder}/{name}.{_EXTENSIONS[header.content_type]}",
        content_type=header.content_type,
        width=header.width,
        height=header.height,
        size_bytes=size_bytes,
    )
