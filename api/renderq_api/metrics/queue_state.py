"""State of the queues for a scrape: one bounded call, whose result all scrapes of the next second share.

Every API process reports the same state, so queries take the maximum over them.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from math import inf

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from renderq_shared.errors import StoreUnavailable
from renderq_shared.jobs import AsyncJobStore, StoreStats, commands

_MAX_AGE_S = 1.0


class QueueState(Collector):
    """Gauges of the latest `refresh`; none while Redis does not answer."""

    def __init__(self, jobs: AsyncJobStore, models: Sequence[str]) -> None:
        """`models`: the catalog's, which are reported also while they have no jobs."""
        self._jobs = jobs
        self._models = tuple(models)
        self._stats: StoreStats | None = None
        self._read_at = -inf
        self._reading = asyncio.Lock()

    async def refresh(self) -> None:
        """Read the state, unless it was read within the last second."""
        async with self._reading:
            if time.monotonic() - self._read_at < _MAX_AGE_S:
                return
            try:
                self._stats = await self._jobs.call(commands.stats())
            except StoreUnavailable:
                self._stats = None
            self._read_at = time.monotonic()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield one gauge per value, by model."""
        queued = GaugeMetricFamily("renderq_jobs_queued", "Queued jobs.", labels=["model"])
        running = GaugeMetricFamily("renderq_jobs_running", "Jobs that workers hold.", labels=["model"])
        oldest = GaugeMetricFamily(
            "renderq_oldest_queued_seconds", "Age of the oldest queued job; 0 without one.", labels=["model"]
        )
        workers = GaugeMetricFamily("renderq_model_workers", "Live workers that serve the model.", labels=["model"])
        paused = GaugeMetricFamily("renderq_model_paused", "1 while the model is paused.", labels=["model"])
        if (stats := self._stats) is not None:
            queues = {queue.model: queue for queue in stats.queues}
            for model in sorted({*self._models, *queues, *stats.running}):
                queue = queues.get(model)
                queued.add_metric([model], queue.queued if queue else 0)
                running.add_metric([model], stats.running.get(model, 0))
                oldest.add_metric([model], queue.oldest_age_ms / 1000 if queue else 0)
                workers.add_metric([model], sum(model in worker.models for worker in stats.workers))
                paused.add_metric([model], model in stats.paused)
        yield from (queued, running, oldest, workers, paused)
        yield from self._totals()

    def _totals(self) -> Iterator[GaugeMetricFamily]:
        stats = self._stats
        for name, documentation, value in (
            (
                "webhook_pending",
                "Webhook deliveries that are neither delivered nor given up.",
                stats and stats.pending_deliveries,
            ),
            (
                "webhook_oldest_pending_seconds",
                "Age of the oldest pending delivery; 0 without one.",
                stats and stats.oldest_delivery_age_ms / 1000,
            ),
            ("redis_memory_used_bytes", "Memory that Redis uses.", stats and stats.memory_used_bytes),
            (
                "redis_memory_max_bytes",
                "Memory that Redis may use; 0: no limit.",
                stats and stats.memory_max_bytes,
            ),
        ):
            yield GaugeMetricFamily(f"renderq_{name}", documentation, value=value)
