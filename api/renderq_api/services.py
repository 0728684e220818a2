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

from renderq_api.assets import AssetStore, ImageFetcher, RequestImages, UploadBudget
from renderq_api.auth.caller import Caller
from renderq_api.auth.key_ring import KeyRing
from renderq_api.auth.loopback import is_loopback
from renderq_api.auth.rate_limits import RateLimits
from renderq_api.egress import GuardedTransport
from renderq_api.egress.addresses import parse_allowed
from renderq_api.eta.eta_cache import EtaCache
from renderq_api.housekeeping.retention import RetentionLoop
from renderq_api.housekeeping.store_health import StoreHealth
from renderq_api.housekeeping.sweeper import Sweeper
from renderq_api.job_views.job_view import UrlSigner
from renderq_api.live.job_watchers import JobWatchers
from renderq_api.webhooks import Dispatcher, Sender
from renderq_shared.access import AsyncKeyStore
from renderq_shared.catalog import Catalog
from renderq_shared.errors import ObjectStoreUnavailable, StoreUnavailable
from renderq_shared.jobs import QueueLimits
from renderq_shared.jobs.previews import PreviewChannels, PreviewMessage
from renderq_shared.jobs.redis import AsyncRedisJobStore
from renderq_shared.jobs.redis.notifications import Change, KeysChanged, Reconnected, subscribe
from renderq_shared.objects import ObjectStore, publish_store_id
from renderq_shared.redis.bounded_redis import DURABLE_TIMEOUT_S, BoundedRedis
from renderq_shared.redis.clients import async_client, check_server_async
from renderq_shared.settings.models import ApiSettings
from renderq_shared.wakeups import WakeupPublisher

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Services:
    settings: ApiSettings
    catalog: Catalog
    redis: Redis
    jobs: AsyncRedisJobStore
    keys: KeyRing
    rate_limits: RateLimits
    objects: ObjectStore
    wakeups: WakeupPublisher
    job_watchers: JobWatchers
    store_health: StoreHealth
    upload_budget: UploadBudget
    assets: AssetStore
    eta_cache: EtaCache
    request_images: RequestImages

    def queue_limits(self, caller: Caller) -> QueueLimits:
        """How many jobs may be queued when this caller submits one more."""
        own = caller.key and caller.key.max_queued_jobs
        return QueueLimits(
            total=self.settings.max_queued_jobs, per_tenant=own or self.settings.max_queued_jobs_per_tenant
        )

    @property
    def url_signer(self) -> UrlSigner | None:
        """Signs pictures' addresses; `None` where the API streams pictures itself. May block: call it in a thread."""
        if self.settings.image_delivery == "proxy":
            return None
        return lambda key: self.objects.signed_url(key, self.settings.signed_url_seconds)


async def _services(request: Request) -> Services:
    return request.app.state.services


ServicesDep = Annotated[Services, Depends(_services)]
"""Parameter of a route that needs the services."""


@contextlib.asynccontextmanager
async def open_services(settings: ApiSettings, catalog: Catalog, objects: ObjectStore) -> AsyncGenerator[Services]:
    """Raises `StoreUnsuitable` or `ObjectStoreUnsuitable`. What is away is no reason not to start: `/readyz` tells."""
    await _look_at(objects)
    async with async_client(settings.redis_url) as redis, _durable_client(settings) as durable_client:
        jobs = AsyncRedisJobStore(redis, durable_client)
        keys = KeyRing(AsyncKeyStore(redis), required=settings.keys == "required" or not is_loopback(settings.host))
        outgoing = GuardedTransport(parse_allowed(settings.egress_allow))
        upload_budget, assets = UploadBudget(), AssetStore(jobs, objects)
        services = Services(
            settings=settings,
            catalog=catalog,
            redis=redis,
            jobs=jobs,
            keys=keys,
            rate_limits=RateLimits(redis),
            objects=objects,
            wakeups=WakeupPublisher(settings.redis_url),
            job_watchers=JobWatchers(lambda previews: _job_changes(redis, keys, previews)),
            store_health=StoreHealth(objects),
            eta_cache=EtaCache(jobs),
            upload_budget=upload_budget,
            assets=assets,
            request_images=RequestImages(jobs, assets, ImageFetcher(outgoing), upload_budget),
        )
        sweeper = Sweeper(jobs, services.wakeups, settings, register=lambda: _register(services))
        retention_loop = RetentionLoop(jobs, objects, settings)
        deliveries = _deliveries(services, outgoing)
        try:
            registered = await _try_register(services)
            loops = (
                keys.run(),
                services.job_watchers.run(),
                sweeper.run(registered),
                retention_loop.run(),
                services.eta_cache.run(),
            )
            async with _running(*loops, *deliveries):
                yield services
        finally:
            services.job_watchers.close()
            await asyncio.to_thread(services.wakeups.close)


def _durable_client(settings: ApiSettings) -> contextlib.AbstractAsyncContextManager[BoundedRedis | None]:
    return async_client(settings.redis_url, DURABLE_TIMEOUT_S) if settings.durable else contextlib.nullcontext()


async def _job_changes(
    redis: Redis, keys: KeyRing, previews: PreviewChannels
) -> AsyncGenerator[Change | PreviewMessage | Reconnected]:
    """One subscription for all: changes of jobs and previews are passed on, changes of keys told to the ring."""
    async with contextlib.aclosing(subscribe(redis, previews)) as changes:
        async for change in changes:
            if isinstance(change, KeysChanged | Reconnected):
                keys.refresh()
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
        settings.public_base_url,
        settings.output_retention_seconds,
        settings.webhook_timeout_seconds,
    )
    delays_s = tuple(map(float, settings.webhook_delays.split(",")))
    lease_s = 2 * settings.webhook_timeout_seconds + 1
    return (Dispatcher(services.jobs, sender, delays_s, lease_s).run(),)


async def _look_at(objects: ObjectStore) -> None:
    try:
        await asyncio.to_thread(objects.check)
    except ObjectStoreUnavailable as error:
        log.warning("object_store_away", reason=str(error))


async def _try_register(services: Services) -> bool:
    """Whether Redis is there already; what it is unsuitable for is told at once."""
    try:
        await _register(services)
    except (StoreUnavailable, ObjectStoreUnavailable):
        return False
    return True


async def _register(services: Services) -> None:
    for warning in await check_server_async(services.redis, durable=services.settings.durable):
        log.warning("redis_setup", advice=warning)
    await publish_store_id(services.redis, services.objects)


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
