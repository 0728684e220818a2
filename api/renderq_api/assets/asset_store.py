"""From a file's bytes to an asset that its tenant can use."""

import asyncio
import hashlib
import secrets

from starlette.concurrency import run_in_threadpool

from renderq_api.assets.image_check import check_image
from renderq_api.assets.image_header import ImageHeader
from renderq_shared.errors import ObjectNotFound, ObjectStoreUnavailable
from renderq_shared.jobs import AssetRecord, AsyncJobStore, NewAsset, commands
from renderq_shared.objects import ObjectStore

_PATIENCE_MS = 3_600_000
"""A picture that is not kept so long after it was announced is removed: whoever wrote it is gone."""

_EXTENSIONS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}


class AssetStore:
    """Takes pictures in. One at a time is decoded, so that large ones cannot exhaust the memory."""

    def __init__(self, jobs: AsyncJobStore, objects: ObjectStore) -> None:
        self._jobs = jobs
        self._objects = objects
        self._decoding = asyncio.Lock()

    async def add(self, tenant: str, data: bytes) -> AssetRecord:
        """Keep a picture, or prolong the life of the one that the tenant has already.

        Raises `ImageRejected`, `StoreUnavailable` and `ObjectStoreUnavailable`.
        """
        async with self._decoding:
            picture = await asyncio.to_thread(check_image, data)
            digest = await asyncio.to_thread(lambda: hashlib.sha256(data).hexdigest())
        asset = _new_asset(tenant, picture, digest, len(data))
        known = await self._jobs.call(commands.reserve_asset(asset, _PATIENCE_MS))
        if known is not None and await run_in_threadpool(self._has, known.key):
            return known
        await run_in_threadpool(self._objects.put, (known or asset).key, data, asset.content_type)
        kept = known or await self._jobs.call(commands.commit_asset(asset))
        if kept is None:
            raise ObjectStoreUnavailable(f"{self._objects} took more than an hour for a picture")
        return kept

    def _has(self, key: str) -> bool:
        """Somebody may have removed the object behind our back."""
        try:
            self._objects.info(key)
        except ObjectNotFound:
            return False
        return True


def _new_asset(tenant: str, picture: ImageHeader, digest: str, size_bytes: int) -> NewAsset:
    """The folder of its own, in the folder of its tenant, whose name may have any characters."""
    owner, life, name = hashlib.sha256(tenant.encode()).hexdigest(), secrets.token_hex(16), f"asset_{digest}"
    return NewAsset(
        id=name,
        tenant=tenant,
        key=f"assets/{owner}/{life}/{name}.{_EXTENSIONS[picture.content_type]}",
        content_type=picture.content_type,
        width=picture.width,
        height=picture.height,
        size_bytes=size_bytes,
    )
