"""Images of jobs, named by a request as input images."""

from collections.abc import Awaitable, Callable

from renderq.contract import LIMITS
from renderq_api.assets.errors import too_large
from renderq_api.assets.stored_file import read_file
from renderq_shared.errors import ObjectNotFound
from renderq_shared.jobs.stored_results import StoredOutput
from renderq_shared.objects import ObjectStore

FindOutput = Callable[[str, str, int], Awaitable[StoredOutput | None]]
"""Tenant, job id and index → the finished image; `None` if the tenant has no such image."""


class JobImages:
    """Reads finished images of a tenant's jobs."""

    def __init__(self, find: FindOutput, objects: ObjectStore) -> None:
        self._find = find
        self._objects = objects

    async def read(self, tenant: str, job_id: str, index: int, reserve: Callable[[int], None]) -> bytes | None:
        """Return the file; `None` if the tenant has no such image. Calls `reserve` with its size first.

        Raises `ImageRejected` and the errors of the job store, the history and the object store.
        """
        output = await self._find(tenant, job_id, index)
        if output is None:
            return None
        if output.size_bytes > LIMITS.asset_bytes:
            raise too_large()
        reserve(output.size_bytes)
        try:
            return await read_file(self._objects, output.key)
        except ObjectNotFound:
            return None
