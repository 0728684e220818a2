"""Metrics of HTTP requests, by route, never by path: the number of label values is that of the routes."""

from prometheus_client import CollectorRegistry, Counter, Histogram

from renderq.contract import ProblemKind
from renderq_shared.metrics import CALL_BUCKETS

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_OTHER = "other"
"""Label of methods that no route has, and of requests that reach no route: those refused before, those of unknown
paths, and those of the web page's files."""


class HttpMetrics:
    """Counts of requests and refusals, and times to the first byte of a response."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "renderq_http_requests", "Requests.", ("route", "method", "status_class"), registry=registry
        )
        self._seconds = Histogram(
            "renderq_http_request_seconds",
            "Time from a request to the beginning of its response; that of a long poll includes the wait.",
            ("route", "method"),
            buckets=CALL_BUCKETS,
            registry=registry,
        )

        def refusals(name: str, documentation: str) -> Counter:
            return Counter(f"renderq_{name}", documentation, registry=registry)

        self._refusals = {
            ProblemKind.RATE_LIMITED: refusals("rate_limited", "Requests beyond a key's limit per minute."),
            ProblemKind.QUOTA_EXCEEDED: refusals("quota_refused", "Submissions beyond a tenant's limits."),
            ProblemKind.QUEUE_FULL: refusals("queue_full", "Submissions while the queue was full."),
            ProblemKind.UNAUTHORIZED: refusals("auth_failed", "Requests without a valid key."),
        }

    def record(self, route: str | None, method: str, status: int, seconds: float) -> None:
        """Count a request. `route`: the template of its path; `None` without a route."""
        method = method if method in _METHODS else _OTHER
        self._requests.labels(route or _OTHER, method, f"{status // 100}xx").inc()
        self._seconds.labels(route or _OTHER, method).observe(seconds)

    def record_problem(self, kind: ProblemKind) -> None:
        """Count a refusal, if it is of a kind that has a counter."""
        if counter := self._refusals.get(kind):
            counter.inc()
