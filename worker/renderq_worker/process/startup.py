"""Startup of a worker process: checks settings, Redis and object store before any model is loaded."""

from collections.abc import Callable

import structlog
from redis import Redis

from renderq_shared.catalog import Catalog, ModelEntry, load_catalog
from renderq_shared.errors import CatalogInvalid, StoreUnavailable
from renderq_shared.objects import ObjectStore, check_same_store, open_store
from renderq_shared.redis.clients import check_server, sync_client
from renderq_shared.settings import WorkerSettings
from renderq_worker.process.worker_process import WorkerProcess
from renderq_worker.threads.signals import StopSignals

log = structlog.get_logger(__name__)

_REDIS_RETRY_DELAY_S = 1.0


def run_worker(settings: WorkerSettings, signals: StopSignals) -> int:
    """Check everything, then work until a signal; return the exit code.

    Raises the errors of the checks below, and `DeviceUnusable`.
    """
    entries = served_models(settings)
    client = sync_client(settings.redis_url)
    objects = open_store(settings)
    if not wait_for_redis(client, settings.redis_url, objects, signals.received_within):
        return 0
    return WorkerProcess(settings, entries, client, objects).run(signals)


def served_models(settings: WorkerSettings) -> tuple[ModelEntry, ...]:
    """Return the catalog's models that this worker serves. Raises `CatalogInvalid`."""
    catalog = load_catalog(settings.models)
    if settings.worker_models is None:
        return catalog.models
    names = [name.strip() for name in settings.worker_models.split(",") if name.strip()]
    if not names:
        raise CatalogInvalid("RENDERQ_WORKER_MODELS names no model; leave it out to serve the whole catalog")
    return tuple(_entry(catalog, name) for name in dict.fromkeys(names))


def wait_for_redis(client: Redis, url: str, objects: ObjectStore, is_stopped: Callable[[float], bool]) -> bool:
    """Return true once the server answers, or false once `is_stopped(delay in seconds)` is true.

    Raises `StoreUnsuitable`, `ObjectStoreUnavailable`, and `ObjectStoreUnsuitable` also if the API uses another store.
    """
    is_waiting = False
    while True:
        try:
            warnings = check_server(client)
            objects.check()
            check_same_store(client, objects)
        except StoreUnavailable as error:
            if not is_waiting:
                log.warning("redis.unavailable", url=_without_password(url), reason=str(error))
            is_waiting = True
        else:
            for warning in warnings:
                log.warning("redis.misconfigured", reason=warning)
            return True
        if is_stopped(_REDIS_RETRY_DELAY_S):
            return False


def _entry(catalog: Catalog, name: str) -> ModelEntry:
    entry = catalog.get(name)
    if entry is None:
        raise CatalogInvalid(
            f"RENDERQ_WORKER_MODELS: no model is called {name!r}; there are {', '.join(catalog.names)}"
        )
    return entry


def _without_password(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
