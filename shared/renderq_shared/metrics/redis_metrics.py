"""Metrics of the calls that this process makes to Redis."""

from typing import Any

from prometheus_client import CollectorRegistry, Gauge, Histogram

from renderq_shared.jobs import Command
from renderq_shared.metrics.buckets import CALL_BUCKETS


class RedisMetrics:
    """Observer of a job store in Redis. Thread-safe."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._up = Gauge("renderq_redis_up", "1 if Redis answered the latest call, else 0.", registry=registry)
        self._seconds = Histogram(
            "renderq_redis_call_seconds",
            "Duration of answered calls to Redis.",
            ("operation",),
            buckets=CALL_BUCKETS,
            registry=registry,
        )

    def on_result(self, command: Command[Any], result: Any, seconds: float) -> None:
        self._up.set(1)
        self._seconds.labels(command.name).observe(seconds)

    def on_unavailable(self, command: Command[Any]) -> None:
        self._up.set(0)
