"""Periodic check of the object store, so that a folder that was emptied heals even if nothing reads `/readyz`."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import structlog

from renderq_api.housekeeping.jitter import jittered
from renderq_api.housekeeping.store_health import StoreHealth
from renderq_shared.errors import ObjectStoreUnavailable, StoreUnavailable
from renderq_shared.objects import ObjectStore
from renderq_shared.outage import Outage

log = structlog.get_logger(__name__)

_PAUSE_S = 30.0
_TIMEOUT_S = 30.0


class StoreLoop:
    """Checks the store in a loop, publishes its id when it has changed or is missing, and logs that it is down."""

    def __init__(self, objects: ObjectStore, health: StoreHealth, publish: Callable[[bool], Awaitable[None]]) -> None:
        """`publish(replace)` publishes the store's id, as every API process does at its start."""
        self._objects = objects
        self._health = health
        self._publish = publish
        self._published: str | None = None
        self._outage = Outage()

    async def run(self) -> None:
        """Check until canceled."""
        while True:
            await self.run_once()
            await asyncio.sleep(jittered(_PAUSE_S))

    async def run_once(self) -> None:
        problem = await self._health.problem(_TIMEOUT_S)
        if problem is None:
            with contextlib.suppress(StoreUnavailable, ObjectStoreUnavailable):  # logged by the sweeper, the next check
                await self._publish_id()
        if problem is None and self._outage.end():
            log.info("object_store.available")
        elif problem is not None and self._outage.has_new_cause(problem):
            log.warning("object_store.unavailable", reason=problem)

    async def _publish_id(self) -> None:
        id = await asyncio.to_thread(self._objects.existing_id)
        has_changed = self._published is not None and id != self._published
        await self._publish(has_changed)
        self._published = id
