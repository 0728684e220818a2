"""Startup of a worker process: checks settings, Redis and object store before any model is loaded."""

import os
from collections.abc import Callable

import structlog
from redis import Redis

from renderq_shared.catalog import Catalog, ModelEntry, load_catalog
from renderq_shared.errors import CatalogInvalid, StoreUnavailable
from renderq_shared.objects import ObjectStore, check_same_store, open_store
from renderq_shared.outage import Outage
from renderq_shared.redis.clients import check_server, sync_client
from renderq_shared.redis.permissions import check_permissions
from renderq_shared.settings import WorkerSettings
from renderq_shared.tracing import open_tracing
from renderq_worker.process.worker_process import WorkerProcess
from renderq_worker.threads.signals import StopSignals

log = structlog.get_logger(__name__)

_REDIS_RETRY_DELAY_S = 1.0


def run_worker(settings: WorkerSettings, signals: StopSignals) -> int:
    """Check everything, then work until a signal; return the exit code.

    Raises the errors of the checks below and of `create_engine`.
    """
    entries = served_models(settings)
    client = sync_client(settings.redis_url)
    objects = open_store(settings)
    if not wait_for_redis(client, settings.redis_url, objects, signals.received_within):
        return 0
    return WorkerProcess(settings, entries, client, objects, open_tracing(os.environ, "renderq-worker")).run(signals)


def served_models(settings: WorkerSettings) -> tuple[ModelEntry, ...]:
    """Return the catalog's models that this worker serves. Raises `CatalogInvalid`."""
    catalog = load_catalog(settings.models)
    names = settings.served_models
    return catalog.models if names is None else tuple(_entry(catalog, name) for name in names)


def wait_for_redis(client: Redis, url: str, objects: ObjectStore, is_stopped: Callable[[float], bool]) -> bool:
    """Return true once the server answers, or false once `is_stopped(delay in seconds)` is true.

    Raises `StoreUnsuitable`, `ObjectStoreUnavailable`, and `ObjectStoreUnsuitable` also if the API uses another store.
    """
    outage = Outage()
    while True:
        try:
            check_permissions(client, "worker")
            warnings = check_server(client)
            objects.check()
            check_same_store(client, objects)
        except StoreUnavailable as error:
            if outage.has_new_cause(error):
                log.warning("redis.unavailable", url=_without_password(url), reason=str(error))
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
    """Return the URL without user and options, either of which may contain a password."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2].partition('?')[0]}"
