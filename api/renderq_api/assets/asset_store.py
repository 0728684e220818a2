"""Asset store: check an image file, store it by content, return its record."""

import asyncio
import hashlib
import secrets
from collections.abc import Callable
from typing import TypeVar

from starlette.concurrency import run_in_threadpool

from renderq_api.assets.image_check import check_image
from renderq_api.assets.image_header import ImageHeader
from renderq_api.assets.stated_recipe import stated_recipe
from renderq_api.http.problems import purge_in_progress
from renderq_shared.errors import ObjectNotFound
from renderq_shared.jobs import AssetRecord, AsyncJobStore, Command, NewAsset, commands
from renderq_shared.objects import ObjectStore

_RESERVATION_MS = 3_600_000
"""Lifetime of a reservation. Retention removes the file of an expired one: its writer is gone."""

_EXTENSIONS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}


Result = TypeVar("Result")


class AssetStore:
    """Stores input images. Decodes one image at a time, so that large ones cannot exhaust memory."""

    def __init__(self, jobs: AsyncJobStore, objects: ObjectStore) -> None:
        self._jobs = jobs
        self._objects = objects
        self._decoding = asyncio.Lock()

    async def add(self, tenant: str, data: bytes) -> AssetRecord:
        """Store an image, or extend the lifetime of the tenant's asset with the same content.

        Raises `ImageRejected`, `ApiProblem`, `StoreUnavailable` and `ObjectStoreUnavailable`.
        """
        async with self._decoding:
            header = await asyncio.to_thread(check_image, data)
            digest = await asyncio.to_thread(lambda: hashlib.sha256(data).hexdigest())
            recipe = await asyncio.to_thread(stated_recipe, data)
        asset = _new_asset(tenant, header, digest, len(data), recipe)
        known = await self._jobs.call(commands.reserve_asset(asset, _RESERVATION_MS))
        if known is not None and await run_in_threadpool(self._exists, known.key):
            return known
        written = known or asset
        await run_in_threadpool(self._objects.put, written.key, data, asset.content_type)
        record = await self._jobs.call(_confirmation(asset, known))
        if record is None:
            await run_in_threadpool(self._objects.delete_prefix, written.prefix)
            raise purge_in_progress()
        return record

    async def decode(self, function: Callable[[bytes], Result], data: bytes) -> Result:
        """Run a function that decodes a file, in a thread, and only one at a time."""
        async with self._decoding:
            return await asyncio.to_thread(function, data)

    def _exists(self, key: str) -> bool:
        """Return whether the object exists: the operator may have deleted it."""
        try:
            self._objects.info(key)
        except ObjectNotFound:
            return False
        return True


def tenant_prefix(tenant: str) -> str:
    """Return the prefix of a tenant's assets. Its name is hashed because it may contain any characters."""
    return f"assets/{hashlib.sha256(tenant.encode()).hexdigest()}/"


def _confirmation(asset: NewAsset, known: AssetRecord | None) -> Command[AssetRecord | None]:
    """Return the command that confirms what was written: a new asset, or the missing file of a known one."""
    if known:
        return commands.get_asset(known.tenant, known.id)
    return commands.commit_asset(asset, _RESERVATION_MS)


def _new_asset(tenant: str, header: ImageHeader, digest: str, size_bytes: int, recipe: str | None) -> NewAsset:
    """Return an asset whose key has a folder of its own inside the tenant's."""
    folder, name = secrets.token_hex(16), f"asset_{digest}"
    return NewAsset(
        id=name,
        tenant=tenant,
        key=f"{tenant_prefix(tenant)}{folder}/{name}.{_EXTENSIONS[header.content_type]}",
        content_type=header.content_type,
        width=header.width,
        height=header.height,
        size_bytes=size_bytes,
        recipe_json=recipe,
    )
