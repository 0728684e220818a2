"""Counts of what the job store reports to this process, and to no other: submissions, ends, lost leases."""

from collections.abc import Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram

from renderq_shared.jobs import BatchResult, Command, NewBatch, NewJob, SubmitOutcome, SubmitResult, SweepResult
from renderq_shared.metrics import CALL_BUCKETS, JobMetrics

_TENANT = ("tenant",)


class StoreEvents:
    """Observer of the API's job store."""

    def __init__(
        self, registry: CollectorRegistry, ended: JobMetrics, models: Sequence[str], *, by_tenant: bool
    ) -> None:
        """`models`: their counters of rare events begin at 0, so that Prometheus sees the first one as an increase."""
        self._ended = ended
        self._by_tenant = by_tenant
        labels = ("model", "task", *(_TENANT if by_tenant else ()))
        self._submitted = Counter("renderq_jobs_submitted", "Accepted jobs.", labels, registry=registry)
        self._lease_losses = Counter(
            "renderq_lease_losses", "Leases that expired: their workers died or hung.", ("model",), registry=registry
        )
        self._suspects = Counter(
            "renderq_suspects", "Jobs that were quarantined after a lost lease.", ("model",), registry=registry
        )
        self._exhausted = Counter(
            "renderq_attempts_exhausted",
            "Jobs that failed with `worker_lost`: each attempt lost its lease.",
            ("model",),
            registry=registry,
        )
        self._sweep = Histogram("renderq_sweep_seconds", "Duration of sweeps.", buckets=CALL_BUCKETS, registry=registry)

        for counter in (self._lease_losses, self._suspects, self._exhausted):
            for model in models:
                counter.labels(model)

    def on_result(self, command: Command[Any], result: Any, seconds: float) -> None:
        match command.name, result:
            case "submit", SubmitResult(outcome=SubmitOutcome.ACCEPTED):
                self._count(command.params[0])
            case "submit_batch", BatchResult(outcome=SubmitOutcome.ACCEPTED):
                batch: NewBatch = command.params[0]
                for job in batch.jobs:
                    self._count(job)
            case "sweep", SweepResult():
                self._sweep.observe(seconds)
                self._record(result)
            case _:
                pass

    def on_unavailable(self, command: Command[Any]) -> None:
        """Nothing has happened, as far as this process knows."""

    def _count(self, job: NewJob) -> None:
        self._submitted.labels(job.model, job.task, *((job.tenant,) if self._by_tenant else ())).inc()

    def _record(self, swept: SweepResult) -> None:
        for loss in swept.lease_losses:
            self._lease_losses.labels(loss.model).inc()
            if loss.quarantined:
                self._suspects.labels(loss.model).inc()
        for job in swept.ended:
            self._ended.record(job)
            if job.error_code == "worker_lost":
                self._exhausted.labels(job.model).inc()
