"""Services that the routes share: opened when the app starts, closed when it stops."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

import structlog
from fastapi import Depends
from redis.asyncio import Redis
from starlette.requests import Request

from renderq_api.assets import AssetStore, FindOutput, ImageFetcher, JobImages, RequestImages, UploadBudget
from renderq_api.auth import (
    Caller,
    EventTokens,
    FileSigner,
    KeyRing,
    RateLimits,
    compare_secrets,
    is_loopback,
    load_secrets,
)
from renderq_api.background_loops import BackgroundLoops
from renderq_api.egress import GuardedTransport
from renderq_api.eta import EtaCache
from renderq_api.history import (
    Archiver,
    BatchDirectory,
    BulkOperations,
    DeliveryDirectory,
    HistoryRegistration,
    JobDirectory,
)
from renderq_api.housekeeping import PurgeLoop, RetentionLoop, StoreHealth, StoreLoop, Sweeper, VisitorLoop
from renderq_api.job_views.job_view import UrlSigner, find_output, to_place
from renderq_api.live import JobWatchers, SharedResults, TenantWatchers
from renderq_api.metrics import ApiMetrics
from renderq_api.visitors import RefusedWords, Visitors
from renderq_api.webhooks import Dispatcher, Sender
from renderq_shared.access import AsyncKeyStore
from renderq_shared.catalog import Catalog
from renderq_shared.catalog.model_image import ModelImage, read_model_image
from renderq_shared.errors import HistoryUnavailable, ObjectStoreUnavailable, StoreUnavailable
from renderq_shared.history import History, open_history
from renderq_shared.jobs import AsyncJobStore, PreviewChannels, PreviewMessage, QueueLimits
from renderq_shared.jobs.redis import AsyncRedisJobStore, Change, Deletion, KeysChanged, Reconnected, subscribe
from renderq_shared.jobs.stored_results import StoredOutput
from renderq_shared.objects import FolderStore, ObjectStore, SignedUrl, publish_store_id
from renderq_shared.redis.bounded_redis import DURABLE_TIMEOUT_S, BoundedRedis
from renderq_shared.redis.clients import async_client, check_server_async
from renderq_shared.redis.permissions import check_permissions_async
from renderq_shared.settings import ApiSettings
from renderq_shared.tracing import Tracing
from renderq_shared.wakeups import WakeupPublisher

log = structlog.get_logger(__name__)

_SHARED_EVENTS = 256


@dataclass(frozen=True, slots=True)
class Services:
    """Shared state of one API process."""

    settings: ApiSettings
    catalog: Catalog
    model_images: dict[str, ModelImage]
    """By the name of the model."""
    redis: Redis
    jobs: AsyncJobStore
    history: History
    directory: JobDirectory
    batches: BatchDirectory
    bulk: BulkOperations
    deliveries: DeliveryDirectory
    archiver: Archiver
    registration: HistoryRegistration
    keys: KeyRing
    visitors: Visitors
    refused_words: RefusedWords
    event_tokens: EventTokens
    file_signer: FileSigner
    rate_limits: RateLimits
    objects: ObjectStore
    wakeups: WakeupPublisher
    job_watchers: JobWatchers
    tenant_watchers: TenantWatchers
    job_events: SharedResults[bytes]
    """Encoded events of jobs for the streams of their tenants."""
    store_health: StoreHealth
    upload_budget: UploadBudget
    assets: AssetStore
    eta_cache: EtaCache
    request_images: RequestImages
    loops: BackgroundLoops
    metrics: ApiMetrics
    tracing: Tracing

    def queue_limits(self, caller: Caller) -> QueueLimits:
        """Return the limits on queued jobs, in total and for the caller's tenant, and those of a visitor."""
        key, settings = caller.key, self.settings
        return QueueLimits(
            total=settings.max_queued_jobs,
            per_tenant=(key and key.max_queued_jobs) or settings.max_queued_jobs_per_tenant,
            visitor=self.visitors.quota(key) if key and caller.is_visitor else None,
        )

    def end_waits(self) -> None:
        """Make every long poll return, and end every event stream."""
        self.job_watchers.close()
        self.tenant_watchers.close()

    @property
    def serves_files(self) -> bool:
        """Whether signed URLs lead to this API, and not to the object store."""
        return self.settings.image_delivery == "proxy" or isinstance(self.objects, FolderStore)

    @property
    def url_signer(self) -> UrlSigner:
        """Signer of object URLs. May block: call it in a thread."""
        return lambda key: self.signed_url(key, self.settings.signed_url_seconds)

    def signed_url(self, key: str, expires_s: int, disposition: str | None = None) -> SignedUrl:
        """Return a URL of a file that needs no credentials, as `ObjectStore.signed_url`. May block."""
        if self.serves_files and not isinstance(self.objects, FolderStore):
            return self.file_signer.sign(key, expires_s, disposition)
        return self.objects.signed_url(key, expires_s, disposition)

    def is_signed(self, key: str, expires: int, signature: str, disposition: str | None = None) -> bool:
        """Return whether `signed_url` made this signature of a URL of this API."""
        signer = self.objects if isinstance(self.objects, FolderStore) else self.file_signer
        return signer.is_signed(key, expires, signature, disposition)


async def _services(request: Request) -> Services:
    return request.app.state.services


ServicesDep = Annotated[Services, Depends(_services)]
"""Route parameter: the services."""


@contextlib.asynccontextmanager
async def open_services(
    settings: ApiSettings, catalog: Catalog, objects: ObjectStore, tracing: Tracing
) -> AsyncGenerator[Services]:
    """Open the services and run their background loops.

    Starts even if Redis, the history or the object store is down; `/readyz` reports it. Raises `StoreUnsuitable`,
    `HistoryUnsuitable`, `ObjectStoreUnsuitable`, `SecretUnusable`, `RefusedWordsUnreadable` or `CatalogInvalid`.
    """
    refused_words = await asyncio.to_thread(RefusedWords.from_file, settings.visitors_refuse)
    model_images = await asyncio.to_thread(_read_model_images, catalog)
    await _check_objects(objects)
    secrets = await asyncio.to_thread(load_secrets, settings)
    async with (
        async_client(settings.redis_url) as redis,
        _durable_client(settings) as durable_client,
        open_history(settings.history_database) as history,
    ):
        metrics = ApiMetrics(settings, catalog.names, AsyncRedisJobStore(redis, durable_client))
        jobs = metrics.jobs
        observed_objects = metrics.observe_objects(objects)
        directory = JobDirectory(jobs, history)
        key_store = AsyncKeyStore(redis)
        keys = KeyRing(key_store, required=settings.keys == "required" or not is_loopback(settings.host))
        egress = GuardedTransport(settings.egress_networks)
        upload_budget, assets, eta_cache = UploadBudget(), AssetStore(jobs, observed_objects), EtaCache(jobs)
        tenant_watchers = TenantWatchers(
            jobs, catalog.names, lambda job: to_place(job, eta_cache.queued_eta(job)), keys.admits
        )
        services = Services(
            settings=settings,
            catalog=catalog,
            model_images=model_images,
            redis=redis,
            jobs=jobs,
            history=history,
            directory=directory,
            batches=BatchDirectory(jobs, history, directory),
            bulk=BulkOperations(jobs, directory),
            deliveries=DeliveryDirectory(jobs, history),
            archiver=Archiver(jobs, history, observed_objects, settings),
            registration=HistoryRegistration(jobs, history),
            keys=keys,
            visitors=Visitors(key_store, settings, secrets[0]),
            refused_words=refused_words,
            event_tokens=EventTokens(secrets),
            file_signer=FileSigner(secrets),
            rate_limits=RateLimits(redis),
            objects=objects,
            wakeups=WakeupPublisher(settings.redis_url),
            job_watchers=JobWatchers(lambda previews: _job_changes(redis, keys, tenant_watchers, previews)),
            tenant_watchers=tenant_watchers,
            job_events=SharedResults(_SHARED_EVENTS),
            store_health=StoreHealth(observed_objects),
            eta_cache=eta_cache,
            upload_budget=upload_budget,
            assets=assets,
            request_images=RequestImages(
                jobs,
                assets,
                ImageFetcher(egress),
                JobImages(_output_finder(directory), observed_objects),
                upload_budget,
            ),
            loops=BackgroundLoops(),
            metrics=metrics,
            tracing=tracing,
        )
        metrics.add_gauge(
            "renderq_uploads_in_flight_bytes",
            "Bytes of uploaded images that this process holds.",
            lambda: upload_budget.reserved_bytes,
        )
        metrics.add_counter(
            "renderq_wakeups_published", "Wake-ups that this process published.", lambda: services.wakeups.published
        )
        sweeper = Sweeper(jobs, services.wakeups, settings, register=lambda: _register(services, secrets))
        retention_loop = RetentionLoop(jobs, services.archiver, observed_objects, settings)
        purge_loop = PurgeLoop(jobs, services.archiver, history, observed_objects, settings)
        visitor_loop = VisitorLoop(key_store, jobs, settings.sweep_seconds)
        store_loop = StoreLoop(
            objects, services.store_health, lambda replace: publish_store_id(redis, objects, replace=replace)
        )
        dispatcher = _dispatcher(services, egress)
        try:
            with contextlib.suppress(HistoryUnavailable):  # the retention loop logs it and tries again
                await services.archiver.migrate()
                await services.registration.identify()
            registered = await _try_register(services, secrets)
            loops: dict[str, Callable[[], Awaitable[None]]] = {
                "api_keys": keys.run,
                "job_watchers": services.job_watchers.run,
                "tenant_watchers": tenant_watchers.run,
                "sweeper": lambda: sweeper.run(registered),
                "retention": retention_loop.run,
                "purges": purge_loop.run,
                "visitors": visitor_loop.run,
                "history_registration": services.registration.run,
                "object_store": store_loop.run,
                "timings": services.eta_cache.run,
            }
            if dispatcher is not None:
                loops["webhooks"] = dispatcher.run
            async with services.loops.running(loops), metrics.served():
                yield services
        finally:
            services.end_waits()
            with contextlib.suppress(StoreUnavailable):
                await services.registration.remove()
            await asyncio.to_thread(services.wakeups.close)
            await asyncio.to_thread(tracing.close)


def _output_finder(directory: JobDirectory) -> FindOutput:
    async def find(tenant: str, job_id: str, index: int) -> StoredOutput | None:
        found = await directory.find(tenant, job_id)
        return find_output(found[0], index) if found else None

    return find


def _durable_client(settings: ApiSettings) -> contextlib.AbstractAsyncContextManager[BoundedRedis | None]:
    return async_client(settings.redis_url, DURABLE_TIMEOUT_S) if settings.durable else contextlib.nullcontext()


async def _job_changes(
    redis: Redis, keys: KeyRing, tenant_watchers: TenantWatchers, previews: PreviewChannels
) -> AsyncGenerator[Change | PreviewMessage | Reconnected]:
    """Yield job changes and previews from the process's one subscription; pass on what concerns tenants and keys."""
    async with contextlib.aclosing(subscribe(redis, previews)) as changes:
        async for change in changes:
            if isinstance(change, KeysChanged | Reconnected):
                keys.refresh()
            if isinstance(change, Change | Deletion | Reconnected):
                tenant_watchers.dispatch(change)
            if isinstance(change, Change | PreviewMessage | Reconnected):
                yield change


def _dispatcher(services: Services, egress: GuardedTransport) -> Dispatcher | None:
    """Return the dispatcher; `None` without a secret: the outbox then waits for a process that has one."""
    settings = services.settings
    if not settings.webhook_keys:
        return None
    if settings.public_url is None and not is_loopback(settings.host):
        advice = "set RENDERQ_PUBLIC_URL to the address that receivers of webhooks can open"
        log.warning("webhooks.public_url_missing", base_url=settings.public_base_url, reason=advice)
    sender = Sender(
        lambda: egress,
        settings.webhook_keys,
        settings.public_base_url,
        settings.output_retention_seconds,
        settings.webhook_timeout_seconds,
        services.tracing,
    )
    lease_s = 2 * settings.webhook_timeout_seconds + 1
    return Dispatcher(services.jobs, sender, settings.webhook_delays_s, lease_s, services.metrics.webhooks.record)


def _read_model_images(catalog: Catalog) -> dict[str, ModelImage]:
    return {entry.name: read_model_image(entry.image) for entry in catalog.models if entry.image}


async def _check_objects(objects: ObjectStore) -> None:
    try:
        await asyncio.to_thread(objects.check)
    except ObjectStoreUnavailable as error:
        log.warning("object_store.unavailable", reason=str(error))


async def _try_register(services: Services, secrets: Sequence[bytes]) -> bool:
    """Return whether both stores are up. Raises `StoreUnsuitable`, `ObjectStoreUnsuitable` or `HistoryUnsuitable`."""
    try:
        await _register(services, secrets)
        await services.registration.renew()
    except (StoreUnavailable, ObjectStoreUnavailable):
        return False
    return True


async def _register(services: Services, secrets: Sequence[bytes]) -> None:
    await check_permissions_async(services.redis, "api")
    for warning in await check_server_async(services.redis, durable=services.settings.durable):
        log.warning("redis.misconfigured", reason=warning)
    await publish_store_id(services.redis, services.objects)
    if warning := await compare_secrets(services.redis, secrets):
        log.warning("secret.differs", reason=warning)
