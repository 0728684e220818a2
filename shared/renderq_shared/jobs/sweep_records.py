"""Records of sweeps: what a sweep changed, and the jobs that ended."""

from dataclasses import dataclass

from pydantic import BaseModel

from renderq.contract import Status
from renderq_shared.jobs.records import JobRecord, ModelQueue
from renderq_shared.jobs.stored_results import StoredMetrics, decode_metrics


class _Error(BaseModel, frozen=True):
    code: str | None = None


@dataclass(frozen=True, slots=True)
class EndedJob:
    """A job that ended, as reported once in the whole service: by the worker that finished it, else by a sweep."""

    id: str
    tenant: str
    model: str
    task: str
    status: Status
    attempt: int
    created_ms: int
    started_ms: int | None
    completed_ms: int
    error_code: str | None
    """Code of its error; `None` without an error."""
    metrics_json: str | None = None
    """Absent in sweeps: most jobs that no worker finishes have not been rendered."""

    @classmethod
    def of(cls, record: JobRecord) -> "EndedJob":
        """Return what is reported of an ended job. Raises `ValueError` if its error cannot be read."""
        return cls(
            id=record.id,
            tenant=record.tenant,
            model=record.model,
            task=record.task,
            status=record.status,
            attempt=record.attempt,
            created_ms=record.created_ms,
            started_ms=record.started_ms,
            completed_ms=record.completed_ms or record.created_ms,
            error_code=error_code(record.error_json),
            metrics_json=record.metrics_json,
        )

    @property
    def metrics(self) -> StoredMetrics:
        """What the worker measured; empty if no image was finished."""
        return decode_metrics(self.metrics_json)

    @property
    def queue_s(self) -> float | None:
        """Seconds until the start of the last attempt; `None` if it never started."""
        return None if self.started_ms is None else (self.started_ms - self.created_ms) / 1000

    @property
    def total_s(self) -> float:
        """Seconds from submission to end."""
        return (self.completed_ms - self.created_ms) / 1000

    @property
    def log_fields(self) -> dict[str, str | int | float]:
        """Keywords of the one log record of the job's end; without those that are not known."""
        metrics = self.metrics
        known = {
            "tenant": self.tenant,
            "model": self.model,
            "task": self.task,
            "status": self.status.value,
            "error_code": self.error_code,
            "attempt": self.attempt,
            "queue_s": self.queue_s,
            "total_s": self.total_s,
            **metrics.model_dump(include={"load_ms", "inference_ms", "encode_ms", "upload_ms", "batch_width_mean"}),
        }
        return {name: value for name, value in known.items() if value is not None}


def error_code(error_json: str | None) -> str | None:
    """Return the code of a stored error; `None` without an error. Raises `ValueError`."""
    return _Error.model_validate_json(error_json).code if error_json else None


@dataclass(frozen=True, slots=True)
class LeaseLoss:
    """A lease that expired before its worker renewed it."""

    model: str
    quarantined: bool
    """True if the job was queued again, and is quarantined."""


@dataclass(frozen=True, slots=True)
class SweepResult:
    """Result of one bounded sweep. `more` asks for another one at once."""

    requeued: tuple[str, ...]
    lost: tuple[str, ...]
    """Failed with `worker_lost`."""
    canceled: tuple[str, ...]
    expired: tuple[str, ...]
    deadline_exceeded: tuple[str, ...]
    """Failed with `deadline_exceeded` while running."""
    extended: int
    """Number of leases extended after an outage of Redis or of all sweeps."""
    queues: tuple[ModelQueue, ...]
    more: bool
    lease_losses: tuple[LeaseLoss, ...] = ()
    ended: tuple[EndedJob, ...] = ()
    """Jobs that ended since earlier sweeps, in this one or elsewhere, except those that a worker finished."""
