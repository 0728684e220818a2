"""All metrics of one API process."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Sequence

from prometheus_client import Gauge

from renderq.version import version
from renderq_api.metrics.http_metrics import HttpMetrics
from renderq_api.metrics.queue_state import QueueState
from renderq_api.metrics.store_events import StoreEvents
from renderq_api.metrics.webhook_metrics import WebhookMetrics
from renderq_shared.jobs import AsyncJobStore
from renderq_shared.metrics import (
    AsyncObservedJobStore,
    CallbackCounter,
    JobMetrics,
    MetricsServer,
    ObjectStoreMetrics,
    ObservedObjectStore,
    RedisMetrics,
    new_registry,
    render,
)
from renderq_shared.objects import ObjectStore
from renderq_shared.settings import ApiSettings

_SCRAPE_TIMEOUT_S = 5.0
"""Time that a scrape may wait for the event loop and Redis, whose calls have a shorter timeout of their own."""


class ApiMetrics:
    """Registry of one API process, and what observes its parts."""

    def __init__(self, settings: ApiSettings, models: Sequence[str], jobs: AsyncJobStore) -> None:
        """`models`: names of the catalog."""
        self._settings = settings
        by_tenant = settings.metrics_tenants == "on"
        self._registry = registry = new_registry()
        self.http = HttpMetrics(registry)
        self.webhooks = WebhookMetrics(registry)
        self._objects = ObjectStoreMetrics(registry)
        ended = JobMetrics(registry, by_tenant=by_tenant)
        events = StoreEvents(registry, ended, models, by_tenant=by_tenant)
        self.jobs: AsyncJobStore = AsyncObservedJobStore(jobs, (RedisMetrics(registry), events))
        """The job store with this process's observers."""
        self._queues = QueueState(self.jobs, models)
        registry.register(self._queues)
        self.open_streams = Gauge("renderq_open_streams", "Open event streams.", registry=registry)
        self.open_long_polls = Gauge("renderq_open_long_polls", "Requests that wait for a job.", registry=registry)
        info = Gauge("renderq_api_info", "1; the version of the API process.", ("version",), registry=registry)
        info.labels(version()).set(1)
        limit = Gauge("renderq_queue_limit", "Maximum number of queued jobs in total.", registry=registry)
        limit.set(settings.max_queued_jobs)

    def observe_objects(self, store: ObjectStore) -> ObjectStore:
        """Return the object store with its calls measured."""
        return ObservedObjectStore(store, self._objects)

    def add_gauge(self, name: str, documentation: str, value: Callable[[], float]) -> None:
        """Add a value of this process that is read for each scrape."""
        Gauge(name, documentation, registry=self._registry).set_function(value)

    def add_counter(self, name: str, documentation: str, value: Callable[[], float]) -> None:
        """Add a count that another part of this process keeps. `name`: without `_total`."""
        self._registry.register(CallbackCounter(name, documentation, value))

    @contextlib.asynccontextmanager
    async def served(self) -> AsyncGenerator[None]:
        """Serve the metrics on their port, if one is set. Raises `MetricsAddressUnavailable`."""
        settings, loop = self._settings, asyncio.get_running_loop()
        if settings.metrics_port is None:
            yield
            return

        def page() -> bytes:
            asyncio.run_coroutine_threadsafe(self.refresh(), loop).result(_SCRAPE_TIMEOUT_S)
            return self.render()

        server = MetricsServer(settings.metrics_host, settings.metrics_port, page)
        try:
            yield
        finally:
            await asyncio.to_thread(server.close)

    async def refresh(self) -> None:
        """Read what `render` reports of Redis."""
        await self._queues.refresh()

    def render(self) -> bytes:
        """Return all metrics in Prometheus' text format. Call it in a thread: many models have thousands of series."""
        return render(self._registry)
