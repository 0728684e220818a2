"""Metrics of an API process: requests, submissions, ends of jobs, sweeps, webhooks, and the state of the queues."""

from renderq_api.metrics.api_metrics import ApiMetrics

__all__ = ["ApiMetrics"]
