"""What the routes work with, opened when the app starts and closed when it ends."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any

import structlog
from fastapi import Depends
from redis.asyncio import Redis
from starlette.requests import Request

from renderq_api.assets import Assets, Fetcher, Inputs, Memory
from renderq_api.estimates import Estimates
from renderq_api.key_ring import KeyRing
from renderq_api.loopback import is_loopback
from renderq_api.object_probe import ObjectProbe
from renderq_api.outgoing import GuardedTransport
from renderq_api.outgoing.addresses import parse_allowed
from renderq_api.rate_limits import RateLimits
from renderq_api.representing import Sign
from renderq_api.retiring import Retiring
from renderq_api.sweeps import Sweeps
from renderq_api.tenants import Caller
from renderq_api.watching import Watching
from renderq_api.webhooks import Deliveries, Sender
from renderq_shared.access import AsyncKeyStore
from renderq_shared.catalog import Catalog
from renderq_shared.errors import ObjectStoreUnavailable, StoreUnavailable
from renderq_shared.jobs import (
    DISK_PATIENCE_S,
    AsyncRedisJobStore,
    Bounds,
    PromptRedis,
    async_client,
    check_server_async,
)
from renderq_shared.jobs.changes import Change, KeysChanged, Reconnected, watch_changes
from renderq_shared.jobs.previews import PreviewChannels, ShownPreview
from renderq_shared.objects import ObjectStore, announce
from renderq_shared.settings import ApiSettings
from renderq_shared.wakeups import WakeupPublisher, queue_name

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Services:
    settings: ApiSettings
    catalog: Catalog
    redis: Redis
    jobs: AsyncRedisJobStore
    keys: KeyRing
    rates: RateLimits
    objects: ObjectStore
    wakeups: WakeupPublisher
    watching: Watching
    object_probe: ObjectProbe
    memory: Memory
    assets: Assets
    estimates: Estimates
    inputs: Inputs

    def bounds(self, caller: Caller) -> Bounds:
        """How many jobs may be queued when this caller submits one more."""
        own = caller.key and caller.key.queued_max
        return Bounds(total=self.settings.queue_max, per_tenant=own or self.settings.queue_max_per_tenant)

    @property
    def sign(self) -> Sign | None:
        """Signs pictures' addresses; `None` where the API streams pictures itself. May block: call it in a thread."""
        if self.settings.pictures == "proxy":
            return None
        return lambda key: self.objects.signed_url(key, self.settings.signed_url_seconds)


async def _services(request: Request) -> Services:
    return request.app.state.services


Serving = Annotated[Services, Depends(_services)]
"""Parameter of a route that needs the services."""


@contextlib.asynccontextmanager
async def open_services(settings: ApiSettings, catalog: Catalog, objects: ObjectStore) -> AsyncGenerator[Services]:
    """Raises `StoreUnsuitable` or `ObjectStoreUnsuitable`. What is away is no reason not to start: `/readyz` tells."""
    await _look_at(objects)
    async with async_client(settings.redis_url) as redis, _disk_client(settings) as disk_client:
        jobs = AsyncRedisJobStore(redis, queue_name, disk_client)
        keys = KeyRing(AsyncKeyStore(redis), required=settings.keys == "required" or not is_loopback(settings.host))
        outgoing = GuardedTransport(parse_allowed(settings.outgoing_allow))
        memory, assets = Memory(), Assets(jobs, objects)
        services = Services(
            settings=settings,
            catalog=catalog,
            redis=redis,
            jobs=jobs,
            keys=keys,
            rates=RateLimits(redis),
            objects=objects,
            wakeups=WakeupPublisher(settings.redis_url),
            watching=Watching(lambda previews: _job_changes(redis, keys, previews)),
            object_probe=ObjectProbe(objects),
            estimates=Estimates(jobs),
            memory=memory,
            assets=assets,
            inputs=Inputs(jobs, assets, Fetcher(outgoing), memory),
        )
        sweeps = Sweeps(jobs, services.wakeups, settings, arrive=lambda: _arrive(services))
        retiring = Retiring(jobs, objects, settings)
        deliveries = _deliveries(services, outgoing)
        try:
            arrived = await _arrived(services)
            loops = (keys.run(), services.watching.run(), sweeps.run(arrived), retiring.run(), services.estimates.run())
            async with _running(*loops, *deliveries):
                yield services
        finally:
            services.watching.close()
            await asyncio.to_thread(services.wakeups.close)


def _disk_client(settings: ApiSettings) -> contextlib.AbstractAsyncContextManager[PromptRedis | None]:
    return async_client(settings.redis_url, DISK_PATIENCE_S) if settings.on_disk else contextlib.nullcontext()


async def _job_changes(
    redis: Redis, keys: KeyRing, previews: PreviewChannels
) -> AsyncGenerator[Change | ShownPreview | Reconnected]:
    """One subscription for all: changes of jobs and previews are passed on, changes of keys told to the ring."""
    async with contextlib.aclosing(watch_changes(redis, previews)) as changes:
        async for change in changes:
            if isinstance(change, KeysChanged | Reconnected):
                keys.look()
            if not isinstance(change, KeysChanged):
                yield change


def _deliveries(services: Services, outgoing: GuardedTransport) -> tuple[Coroutine[Any, Any, None], ...]:
    """Without a secret nothing can be signed: what is in the outbox waits for an API that has one."""
    settings = services.settings
    if not settings.webhook_keys:
        return ()
    sender = Sender(
        lambda: outgoing,
        settings.webhook_keys,
        settings.public_base,
        settings.retention_seconds,
        settings.webhook_timeout_seconds,
    )
    delays_s = tuple(map(float, settings.webhook_delays.split(",")))
    lease_s = 2 * settings.webhook_timeout_seconds + 1
    return (Deliveries(services.jobs, sender, delays_s, lease_s).run(),)


async def _look_at(objects: ObjectStore) -> None:
    try:
        await asyncio.to_thread(objects.check)
    except ObjectStoreUnavailable as error:
        log.warning("object_store_away", reason=str(error))


async def _arrived(services: Services) -> bool:
    """Whether Redis is there already; what it is unsuitable for is told at once."""
    try:
        await _arrive(services)
    except (StoreUnavailable, ObjectStoreUnavailable):
        return False
    return True


async def _arrive(services: Services) -> None:
    for warning in await check_server_async(services.redis, on_disk=services.settings.on_disk):
        log.warning("redis_setup", advice=warning)
    await announce(services.redis, services.objects)


@contextlib.asynccontextmanager
async def _running(*loops: Coroutine[Any, Any, None]) -> AsyncGenerator[None]:
    tasks = [asyncio.create_task(loop) for loop in loops]
    try:
        yield
    finally:
        running = set(tasks)
        while running:
            # A cancellation that comes together with a timeout may get lost on its way.
            for task in running:
                task.cancel()
            _, running = await asyncio.wait(running, timeout=1.0)
