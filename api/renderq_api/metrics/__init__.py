"""Metrics of an API process: requests, submissions, ends of jobs, sweeps, webhooks, and the state of the queues."""

from renderq_api.metrics.api_metrics import ApiMetrics
from renderq_api.metrics.queue_state import QueueState

__all__ = ["ApiMetrics", "QueueState"]
