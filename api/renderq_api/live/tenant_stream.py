"""Updates of one tenant, from the opening of a stream until its end."""

import asyncio
from collections.abc import AsyncGenerator

from renderq.contract import QueuePlace
from renderq_api.live.long_poll import HEARTBEAT_S
from renderq_api.live.tenant_watcher import Places, Ready, TenantUpdate, TenantWatcher
from renderq_shared.jobs import JobRecord


async def stream_tenant(watcher: TenantWatcher) -> AsyncGenerator[TenantUpdate | None]:
    """Yield updates, of places only those that differ from what was sent; `None` as a heartbeat after `HEARTBEAT_S`
    without any."""
    sent: dict[str, QueuePlace] = {}
    loop = asyncio.get_running_loop()
    heartbeat_at = loop.time() + HEARTBEAT_S
    while True:
        try:
            async with asyncio.timeout_at(heartbeat_at):
                update = await watcher.next_update()
        except TimeoutError:
            yield None
        else:
            match update:
                case None:
                    return
                case Ready():
                    sent = {}
                case JobRecord():
                    sent.pop(update.id, None)  # the job was sent without its place
                case Places():
                    places = {place.id: place for place in update.data}
                    update = Places(tuple(place for place in update.data if sent.get(place.id) != place))
                    sent = places
                    if not update.data:
                        continue
                case _:
                    pass
            yield update
        heartbeat_at = loop.time() + HEARTBEAT_S
