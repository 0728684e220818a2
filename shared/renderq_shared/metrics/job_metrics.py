"""Metrics of ended jobs. Each job is counted by one process: the worker that finished it, or the API that swept it."""

from prometheus_client import CollectorRegistry, Counter, Histogram

from renderq_shared.jobs import EndedJob
from renderq_shared.metrics.buckets import JOB_BUCKETS

_LABELS = ("model", "task")


class JobMetrics:
    """Counter of ended jobs and durations of their parts. Thread-safe."""

    def __init__(self, registry: CollectorRegistry, *, by_tenant: bool) -> None:
        """`by_tenant`: whether the counter has the tenant as a label."""
        self._by_tenant = by_tenant
        labels = (*_LABELS, "status", "error_code", *(("tenant",) if by_tenant else ()))
        self._ended = Counter("renderq_jobs_ended", "Jobs that ended.", labels, registry=registry)

        def durations(name: str, documentation: str) -> Histogram:
            return Histogram(
                f"renderq_job_{name}_seconds", documentation, _LABELS, buckets=JOB_BUCKETS, registry=registry
            )

        self._total = durations("total", "Time from submission to end.")
        self._queue = durations("queue", "Time from submission to the start of the last attempt.")
        self._load = durations("load", "Time for which a job waited for its model to be loaded.")
        self._inference = durations("inference", "Share of the device's time that a job took.")
        self._upload = durations("upload", "Time in which the files of a job were uploaded.")

    def record(self, job: EndedJob) -> None:
        """Count an end."""
        tenant = (job.tenant,) if self._by_tenant else ()
        self._ended.labels(job.model, job.task, job.status.value, job.error_code or "", *tenant).inc()
        metrics = job.metrics
        for histogram, seconds in (
            (self._total, job.total_s),
            (self._queue, job.queue_s),
            (self._load, _seconds(metrics.load_ms)),
            (self._inference, _seconds(metrics.inference_ms)),
            (self._upload, _seconds(metrics.upload_ms)),
        ):
            if seconds is not None:
                histogram.labels(job.model, job.task).observe(seconds)


def _seconds(ms: int | None) -> float | None:
    return None if ms is None else ms / 1000
