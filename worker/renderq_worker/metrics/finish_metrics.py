"""Metrics of the jobs that this worker ends or hands back."""

from typing import Any

from prometheus_client import CollectorRegistry, Counter

from renderq_shared.jobs import Command, EndedJob, FinishResult
from renderq_shared.metrics import JobMetrics


class FinishMetrics:
    """Observer of the worker's job store. A finish that the store accepted is counted here and nowhere else."""

    def __init__(self, registry: CollectorRegistry, *, by_tenant: bool) -> None:
        self._ended = JobMetrics(registry, by_tenant=by_tenant)
        self._handbacks = Counter(
            "renderq_handbacks", "Jobs that a worker that stops returned to the queue.", ("model",), registry=registry
        )

    def on_result(self, command: Command[Any], result: Any, seconds: float) -> None:
        if isinstance(result, FinishResult) and result.accepted and result.record is not None:
            self._ended.record(EndedJob.of(result.record))

    def on_unavailable(self, command: Command[Any]) -> None:
        """The finish is reported again, and counted once the store has accepted it."""

    def record_handback(self, model: str) -> None:
        self._handbacks.labels(model).inc()
