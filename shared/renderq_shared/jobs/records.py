"""Records of the job store: jobs, claims, queues, workers and tenants.

Times are milliseconds since the epoch by the server's clock. Fields named `*_json` hold the models of `stored_results`
and are stored and returned unchanged. The store parses only `progress_json`, to know how much of a running job's cost
remains.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from renderq.contract import Status
from renderq_shared.jobs.timings import JobTiming


@dataclass(frozen=True, slots=True)
class Idempotency:
    """The idempotency key of a submission."""

    key: str
    """Unique within the tenant for 24 hours."""
    fingerprint: str
    """SHA-256 of method, path and canonical body. A known key with another fingerprint is a client error."""


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to submit."""

    id: str
    tenant: str
    task: str
    model: str
    request_json: str
    """The resolved request: every default filled in, the seed drawn."""
    images: int
    """Number of images; each is one generation."""
    cost: float
    """Estimated device time in arbitrary but consistent units. Fairness charges it to the tenant."""
    priority: int
    max_attempts: int
    deadline_ms: int | None = None
    """Time to live after acceptance."""
    idempotency: Idempotency | None = None
    retried_from: str | None = None
    """Id of the job that this one retries."""
    webhook_events: tuple[str, ...] = ()
    """Events to put into the outbox. The webhook's URL is in the request."""
    webhook_host: str = ""
    """Host of the webhook; deliveries queue per tenant and host."""
    weight: float = 1.0
    """The tenant's relative share of a model's device time. Applies to all its jobs from now on."""
    assets: tuple[str, ...] = ()
    """Ids of the assets that the request uses, without duplicates. They are kept as long as the job's record."""


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """Maximum numbers of queued jobs."""

    total: int
    per_tenant: int


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job as stored: all that a worker or an HTTP response needs, in one read."""

    id: str
    tenant: str
    task: str
    model: str
    status: Status
    version: int
    request_json: str
    images: int
    priority: int
    sequence: int
    """Number in the order of acceptance; kept when the job is requeued."""
    created_ms: int
    attempt: int
    """Number of claims so far."""
    lost_leases: int
    """Number of expired leases. A requeue by the worker does not count."""
    max_attempts: int
    quarantined: bool
    """True if the job has lost a lease. It is then claimed only by an empty engine and rendered alone. A requeue by
    the worker does not reset this."""
    deadline_at_ms: int | None = None
    started_ms: int | None = None
    """Start of the current or last attempt."""
    completed_ms: int | None = None
    claim_id: str | None = None
    """Fencing token of the current attempt, or of the last one if the job has ended."""
    worker: str | None = None
    stage: str | None = None
    progress_json: str | None = None
    outputs_json: str | None = None
    grid_json: str | None = None
    error_json: str | None = None
    warnings_json: str | None = None
    metrics_json: str | None = None
    runtime_json: str | None = None
    """Model revision, device, dtype and batch invariance of the rendering."""
    retried_from: str | None = None
    """Id of the job that this one retries. That job may be deleted."""
    cost: float = 0.0
    """Estimate at submission, in the units of `NewJob.cost`."""
    outputs_expired: bool = False
    """True if retention has deleted the job's images."""


@dataclass(frozen=True, slots=True)
class QueuePosition:
    """A queued job's position."""

    jobs_ahead: int
    """Jobs expected to start first if no others arrive. Exact within a tenant, an estimate between tenants."""
    has_worker: bool
    """True if a live worker serves the model."""
    paused: bool = False
    """True if the model or the tenant is paused, so that the job cannot be claimed."""
    cost_ahead: float = 0.0
    """Estimated cost of those jobs plus the remaining cost of the model's running jobs."""


class SubmitOutcome(StrEnum):
    """Outcome of a submission."""

    ACCEPTED = "accepted"
    REPLAYED = "replayed"
    """The idempotency key is known. The record is the earlier job."""
    KEY_REUSED = "key_reused"
    """The idempotency key is known with another fingerprint."""
    QUEUE_FULL = "queue_full"
    QUOTA_EXCEEDED = "quota_exceeded"
    ASSET_NOT_FOUND = "asset_not_found"
    """The tenant does not have one of the assets."""


@dataclass(frozen=True, slots=True)
class SubmitResult:
    """Result of a submission."""

    outcome: SubmitOutcome
    record: JobRecord | None
    """The accepted or replayed job; `None` if there is none."""
    pending_wakeups: int
    """Wake-ups waiting for the model. The caller publishes one only below its limit."""
    position: QueuePosition | None = None
    """The job's position while it is queued."""


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
    """True if the worker's engine has no jobs. Only then may it claim a quarantined job."""
    switch_after_ms: int


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


@dataclass(frozen=True, slots=True)
class ModelQueue:
    """State of one model's queue."""

    model: str
    queued: int
    oldest_age_ms: int
    pending_wakeups: int
    has_worker: bool
    claimable: int
    """Queued jobs without those of paused tenants; 0 if the model is paused."""


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


@dataclass(frozen=True, slots=True)
class WorkerRecord:
    """A live worker as of its last heartbeat."""

    id: str
    device: str
    models: tuple[str, ...]
    resident_models: tuple[str, ...]
    jobs: int
    draining: bool
    started_ms: int
    seen_ms: int


@dataclass(frozen=True, slots=True)
class StoreStats:
    """Load of the whole service at one moment."""

    queues: tuple[ModelQueue, ...]
    """Queues of models that have queued jobs."""
    running: dict[str, int]
    """Model → number of claimed jobs; only models that have any."""
    workers: tuple[WorkerRecord, ...]
    paused: frozenset[str] = frozenset()
    """Names of paused models."""


@dataclass(frozen=True, slots=True)
class TenantRecord:
    """A tenant as known from its jobs."""

    name: str
    queued: int = 0
    weight: float = 1.0
    """Weight as of the last submission."""
    paused: bool = False
