"""Metrics of the calls that this process makes to the object store."""

import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Literal, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from renderq_shared.errors import ObjectStoreUnavailable
from renderq_shared.metrics.buckets import CALL_BUCKETS
from renderq_shared.objects import ObjectInfo, ObjectStore, SignedUrl

Operation = Literal["check", "put", "info", "read", "delete"]


class ObjectStoreMetrics:
    """Durations and errors of calls. Thread-safe."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._up = Gauge(
            "renderq_store_up", "0 if the object store did not answer the latest call, else 1.", registry=registry
        )
        self._up.set(1)
        self._seconds = Histogram(
            "renderq_store_operation_seconds",
            "Duration of answered calls to the object store.",
            ("operation",),
            buckets=CALL_BUCKETS,
            registry=registry,
        )
        self._errors = Counter(
            "renderq_store_errors", "Calls that the object store did not answer.", ("operation",), registry=registry
        )
        for operation in get_args(Operation):  # from 0, so that Prometheus sees the first error as an increase
            self._errors.labels(operation)

    @contextmanager
    def measure(self, operation: Operation) -> Generator[None]:
        """Measure one call; its errors pass."""
        started = time.perf_counter()
        try:
            yield
        except ObjectStoreUnavailable:
            self._errors.labels(operation).inc()
            self._up.set(0)
            raise
        self._up.set(1)
        self._seconds.labels(operation).observe(time.perf_counter() - started)


class ObservedObjectStore:
    """An `ObjectStore` whose calls are measured. Listings and signatures are not: they take as long as their reader."""

    def __init__(self, store: ObjectStore, metrics: ObjectStoreMetrics) -> None:
        self._store = store
        self._metrics = metrics

    def __str__(self) -> str:
        return str(self._store)

    @property
    def id(self) -> str:
        return self._store.id

    def existing_id(self) -> str | None:
        return self._store.existing_id()

    def check(self) -> None:
        with self._metrics.measure("check"):
            self._store.check()

    def put(self, key: str, data: bytes, content_type: str) -> None:
        with self._metrics.measure("put"):
            self._store.put(key, data, content_type)

    def info(self, key: str) -> ObjectInfo:
        with self._metrics.measure("info"):
            return self._store.info(key)

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Yield as the store does. Its errors count; its duration includes that of the reader."""
        with self._metrics.measure("read"):
            yield from self._store.read(key, start, end)

    def keys(self, prefix: str) -> Iterator[str]:
        return self._store.keys(prefix)

    def delete_prefix(self, prefix: str) -> int:
        with self._metrics.measure("delete"):
            return self._store.delete_prefix(prefix)

    def signed_url(self, key: str, expires_s: int, disposition: str | None = None) -> SignedUrl:
        return self._store.signed_url(key, expires_s, disposition)
