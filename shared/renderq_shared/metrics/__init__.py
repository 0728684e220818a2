"""Metrics for Prometheus: those that API and workers share, and the server from which a scraper reads them."""

from renderq_shared.metrics.buckets import CALL_BUCKETS, JOB_BUCKETS
from renderq_shared.metrics.callback_counter import CallbackCounter
from renderq_shared.metrics.job_metrics import JobMetrics
from renderq_shared.metrics.metrics_server import CONTENT_TYPE, MetricsServer, new_registry, render
from renderq_shared.metrics.object_store_metrics import ObjectStoreMetrics, ObservedObjectStore
from renderq_shared.metrics.observed_job_store import AsyncObservedJobStore, ObservedJobStore, StoreObserver
from renderq_shared.metrics.redis_metrics import RedisMetrics

__all__ = [
    "CALL_BUCKETS",
    "CONTENT_TYPE",
    "JOB_BUCKETS",
    "AsyncObservedJobStore",
    "CallbackCounter",
    "JobMetrics",
    "MetricsServer",
    "ObjectStoreMetrics",
    "ObservedJobStore",
    "ObservedObjectStore",
    "RedisMetrics",
    "StoreObserver",
    "new_registry",
    "render",
]
