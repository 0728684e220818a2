"""Metrics of a worker process: ends of jobs, operations of the engine, memory, calls of Redis and object store."""

from renderq_worker.metrics.engine_metrics import EngineMetrics
from renderq_worker.metrics.finish_metrics import FinishMetrics
from renderq_worker.metrics.worker_state import WorkerGauges, WorkerState

__all__ = ["EngineMetrics", "FinishMetrics", "WorkerGauges", "WorkerState"]
