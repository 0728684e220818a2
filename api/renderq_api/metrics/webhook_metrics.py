"""Metrics of webhook deliveries that this process attempted."""

from prometheus_client import CollectorRegistry, Counter, Histogram

from renderq.contract import DeliveryStatus
from renderq_shared.jobs import DeliveryRecord
from renderq_shared.metrics import CALL_BUCKETS


class WebhookMetrics:
    """Outcomes and durations of attempts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._deliveries = Counter(
            "renderq_webhook_deliveries",
            "Attempts to deliver a webhook, by their outcome: `pending` is tried again.",
            ("event", "outcome"),
            registry=registry,
        )
        self._seconds = Histogram(
            "renderq_webhook_attempt_seconds",
            "Duration of attempts to deliver a webhook.",
            ("event",),
            buckets=CALL_BUCKETS,
            registry=registry,
        )

    def record(self, delivery: DeliveryRecord, outcome: DeliveryStatus, seconds: float) -> None:
        """Count an attempt. `outcome`: status of the delivery after it."""
        self._deliveries.labels(delivery.event, outcome.value).inc()
        self._seconds.labels(delivery.event).observe(seconds)
