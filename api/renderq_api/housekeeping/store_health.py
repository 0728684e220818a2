"""Does the object store answer? Asked often, and above all when things are slow."""

import asyncio

from renderq_shared.errors import RenderqSharedError
from renderq_shared.objects import ObjectStore


class StoreHealth:
    """A folder that hangs, as network folders do, keeps one thread busy, however often we are asked."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects
        self._check: asyncio.Task[str | None] | None = None

    async def problem(self, timeout_s: float) -> str | None:
        """What is wrong; `None` when all is well."""
        if self._check is None or self._check.done():
            self._check = asyncio.create_task(self._ask())
        done, _ = await asyncio.wait({self._check}, timeout=timeout_s)
        return self._check.result() if done else f"{self._objects} does not answer"

    async def _ask(self) -> str | None:
        try:
            await asyncio.to_thread(self._objects.check)
        except RenderqSharedError as error:
            return str(error)
        return None
