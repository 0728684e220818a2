"""Health check of the object store, for `/readyz`."""

import asyncio

from renderq_shared.errors import RenderqSharedError
from renderq_shared.objects import ObjectStore


class StoreHealth:
    """Runs one check at a time, so that a hanging network folder blocks only one thread however often it is checked."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects
        self._check: asyncio.Task[str | None] | None = None

    async def problem(self, timeout_s: float) -> str | None:
        """Return what is wrong with the store, `None` if it is healthy."""
        if self._check is None or self._check.done():
            self._check = asyncio.create_task(self._run_check())
        check = self._check  # another caller may start the next one before this caller resumes
        done, _ = await asyncio.wait({check}, timeout=timeout_s)
        return check.result() if done else f"{self._objects} does not respond"

    async def _run_check(self) -> str | None:
        try:
            await asyncio.to_thread(self._objects.check)
        except RenderqSharedError as error:
            return str(error)
        return None
