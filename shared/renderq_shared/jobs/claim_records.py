"""Records of claims: a worker's request for a job, what it writes while its claim holds, and the outcome."""

from dataclasses import dataclass, field
from enum import StrEnum

from renderq.contract import Status
from renderq_shared.jobs.records import JobRecord
from renderq_shared.jobs.timings import JobTiming


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model of which a worker can claim a job."""

    model: str
    resident: bool
    """True if the model is loaded. Another model goes first once its oldest job has waited for `switch_after_ms`."""
    prefetch: bool = False
    """True if a claimed job would wait in the worker. Such jobs are left to idle workers that can start them."""


@dataclass(frozen=True, slots=True)
class ClaimRequest:
    """A worker's request for a job."""

    claim_id: str
    """Chosen by the worker. A repeat with the same id returns the same job."""
    worker: str
    lease_ms: int
    candidates: tuple[Candidate, ...]
    """Models in the worker's order of preference."""
    engine_empty: bool
    """True if the worker's engine has no jobs. Only then may it claim any quarantined job."""
    switch_after_ms: int
    engine_quarantined: bool = False
    """True if all jobs of the worker's engine are quarantined. It then claims only quarantined jobs, and none that runs
    alone."""
    excluded: tuple[str, ...] = ()
    """Ids of jobs that this worker has released because a newer version has written them."""


class FenceResult(StrEnum):
    """Result of a write that is fenced by a claim id."""

    HELD = "held"
    """The claim holds the job and the write took effect."""
    CANCELING = "canceling"
    """The claim holds the job and the write took effect. The job is to be canceled."""
    LOST = "lost"
    """The claim no longer holds the job. Nothing was written."""


@dataclass(frozen=True, slots=True)
class ProgressResult:
    """Result of a progress update."""

    fence: FenceResult
    has_preview_viewers: bool
    """True if the job's previews have subscribers. Workers make previews only then."""


@dataclass(frozen=True, slots=True)
class ClaimRef:
    """Reference to a claimed job: its id and the fencing token."""

    job_id: str
    claim_id: str


@dataclass(frozen=True, slots=True)
class JobUpdate:
    """New values for fields of a running job; `None` leaves a field unchanged."""

    stage: str | None = None
    progress_json: str | None = None
    outputs_json: str | None = None
    grid_json: str | None = None
    warnings_json: str | None = None
    metrics_json: str | None = None
    runtime_json: str | None = None
    finished: tuple[int, ...] = ()
    """Indexes of finished images. Each puts one `job.output` event into the outbox. Not part of the record."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Outcome of an attempt. A canceling job becomes `canceled` and keeps its finished outputs."""

    status: Status
    """`succeeded`, `failed` or `canceled`."""
    error_json: str | None = None
    update: JobUpdate = field(default_factory=JobUpdate)
    cost: float | None = None
    """Measured cost in the units of `NewJob.cost`. Replaces the estimate that fairness charged."""
    timing: JobTiming | None = None
    """Measured timing; recorded if the job succeeds."""


@dataclass(frozen=True, slots=True)
class FinishResult:
    """Result of ending a job."""

    accepted: bool
    """True if this claim's outcome is the job's outcome; also true for a repeat. `canceled` is refused unless a cancel
    was requested."""
    record: JobRecord | None
    """The job after the call. If the record still has the claim id of a refused claim, the store ended the job
    (deadline, lost lease) and the listed outputs belong to that claim."""
