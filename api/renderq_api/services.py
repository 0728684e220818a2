"""Services that the routes share: opened when the app starts, closed when it stops."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

import structlog
from fastapi import Depends
from redis.asyncio import Redis
from starlette.requests import Request

from renderq_api.assets import AssetStore, ImageFetcher, RequestImages, UploadBudget
from renderq_api.auth import Caller, KeyRing, RateLimits, is_loopback
from renderq_api.background_loops import BackgroundLoops
from renderq_api.egress import GuardedTransport, parse_allowed
from renderq_api.eta import EtaCache
from renderq_api.housekeeping import RetentionLoop, StoreHealth, Sweeper
from renderq_api.job_views.job_view import UrlSigner
from renderq_api.live import JobWatchers
from renderq_api.webhooks import Dispatcher, Sender
from renderq_shared.access import AsyncKeyStore
from renderq_shared.catalog import Catalog
from renderq_shared.errors import ObjectStoreUnavailable, StoreUnavailable
from renderq_shared.jobs import PreviewChannels, PreviewMessage, QueueLimits
from renderq_shared.jobs.redis import AsyncRedisJobStore, Change, KeysChanged, Reconnected, subscribe
from renderq_shared.objects import ObjectStore, publish_store_id
from renderq_shared.redis.bounded_redis import DURABLE_TIMEOUT_S, BoundedRedis
from renderq_shared.redis.clients import async_client, check_server_async
from renderq_shared.settings import ApiSettings
from renderq_shared.wakeups import WakeupPublisher

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Services:
    """Shared state of one API process."""

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
    loops: BackgroundLoops

    def queue_limits(self, caller: Caller) -> QueueLimits:
        """Return the limits on queued jobs, in total and for the caller's tenant."""
        own = caller.key and caller.key.max_queued_jobs
        return QueueLimits(
            total=self.settings.max_queued_jobs, per_tenant=own or self.settings.max_queued_jobs_per_tenant
        )

    @property
    def url_signer(self) -> UrlSigner | None:
        """Signer of object URLs; `None` if the API streams images itself. May block: call it in a thread."""
        if self.settings.image_delivery == "proxy":
            return None
        return lambda key: self.objects.signed_url(key, self.settings.signed_url_seconds)


async def _services(request: Request) -> Services:
    return request.app.state.services


ServicesDep = Annotated[Services, Depends(_services)]
"""Route parameter: the services."""


@contextlib.asynccontextmanager
async def open_services(settings: ApiSettings, catalog: Catalog, objects: ObjectStore) -> AsyncGenerator[Services]:
    """Open the services and run their background loops.

    Starts even if Redis or the object store is down; `/readyz` reports it. Raises `StoreUnsuitable` or
    `ObjectStoreUnsuitable`.
    """
    await _check_objects(objects)
    async with async_client(settings.redis_url) as redis, _durable_client(settings) as durable_client:
        jobs = AsyncRedisJobStore(redis, durable_client)
        keys = KeyRing(AsyncKeyStore(redis), required=settings.keys == "required" or not is_loopback(settings.host))
        egress = GuardedTransport(parse_allowed(settings.egress_allow))
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
            request_images=RequestImages(jobs, assets, ImageFetcher(egress), upload_budget),
            loops=BackgroundLoops(),
        )
        sweeper = Sweeper(jobs, services.wakeups, settings, register=lambda: _register(services))
        retention_loop = RetentionLoop(jobs, objects, settings)
        dispatcher = _dispatcher(services, egress)
        try:
            registered = await _try_register(services)
            loops: dict[str, Callable[[], Awaitable[None]]] = {
                "api_keys": keys.run,
                "job_watchers": services.job_watchers.run,
                "sweeper": lambda: sweeper.run(registered),
                "retention": retention_loop.run,
                "timings": services.eta_cache.run,
            }
            if dispatcher is not None:
                loops["webhooks"] = dispatcher.run
            async with services.loops.running(loops):
                yield services
        finally:
            services.job_watchers.close()
            await asyncio.to_thread(services.wakeups.close)


def _durable_client(settings: ApiSettings) -> contextlib.AbstractAsyncContextManager[BoundedRedis | None]:
    return async_client(settings.redis_url, DURABLE_TIMEOUT_S) if settings.durable else contextlib.nullcontext()


async def _job_changes(
    redis: Redis, keys: KeyRing, previews: PreviewChannels
) -> AsyncGenerator[Change | PreviewMessage | Reconnected]:
    """Yield job changes and previews from the process's one subscription; refresh the key ring when keys change."""
    async with contextlib.aclosing(subscribe(redis, previews)) as changes:
        async for change in changes:
            if isinstance(change, KeysChanged | Reconnected):
                keys.refresh()
            if not isinstance(change, KeysChanged):
                yield change


def _dispatcher(services: Services, egress: GuardedTransport) -> Dispatcher | None:
    """Return the dispatcher; `None` without a secret: the outbox then waits for a process that has one."""
    settings = services.settings
    if not settings.webhook_keys:
        return None
    sender = Sender(
        lambda: egress,
        settings.webhook_keys,
        settings.public_base_url,
        settings.output_retention_seconds,
        settings.webhook_timeout_seconds,
    )
    delays_s = tuple(map(float, settings.webhook_delays.split(",")))
    lease_s = 2 * settings.webhook_timeout_seconds + 1
    return Dispatcher(services.jobs, sender, delays_s, lease_s)


async def _check_objects(objects: ObjectStore) -> None:
    try:
        await asyncio.to_thread(objects.check)
    except ObjectStoreUnavailable as error:
        log.warning("object_store.unavailable", reason=str(error))


async def _try_register(services: Services) -> bool:
    """Return whether both stores are up. Raises `StoreUnsuitable` or `ObjectStoreUnsuitable`."""
    try:
        await _register(services)
    except (StoreUnavailable, ObjectStoreUnavailable):
        return False
    return True


async def _register(services: Services) -> None:
    for warning in await check_server_async(services.redis, durable=services.settings.durable):
        log.warning("redis.misconfigured", reason=warning)
    await publish_store_id(services.redis, services.objects)
