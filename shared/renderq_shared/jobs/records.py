"""Records of the job store: jobs, queues, workers and tenants.

Times are milliseconds since the epoch by the server's clock. Fields named `*_json` hold the models of `stored_results`
and are stored and returned unchanged. The store parses only `progress_json`, to know how much of a running job's cost
remains.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from renderq.contract import Status


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
    batch_id: str | None = None
    batch_json: str | None = None
    """Its place in the batch, if it has one."""
    door: str | None = None
    """Door that it came through; `None` for renderq's own API."""
    traceparent: str | None = None
    """Trace to which its spans belong, in the form of W3C Trace Context; 55 characters."""


@dataclass(frozen=True, slots=True)
class VisitorQuota:
    """Further limits of a visitor's submissions."""

    address: str
    """Pseudonym of the visitor's address. All jobs of its visitors count together."""
    jobs_per_address: int
    open_jobs: int
    """Maximum number of the visitor's jobs that have not ended."""
    total_open_jobs: int
    """The same, of all visitors together."""
    expires_ms: int
    """End of the visitor. From then on its data is deleted, and it can submit nothing."""


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """Maximum numbers of queued jobs."""

    total: int
    per_tenant: int
    visitor: VisitorQuota | None = None
    """`None` if the submitter is no visitor."""


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
    """Number of leases that expired after rendering had started. A requeue by the worker does not count."""
    max_attempts: int
    quarantined: bool
    """True if the job has lost a lease after its rendering had started. It then shares an engine only with other
    quarantined jobs. A requeue by the worker does not reset this."""
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
    kept: bool = False
    """True if retention keeps the job and its images for ever."""
    labels_json: str | None = None
    """JSON list of the labels that its owner gave it after submission."""
    batch_id: str | None = None
    batch_json: str | None = None
    """Place of the job in its batch."""
    door: str | None = None
    """As `NewJob.door`."""
    traceparent: str | None = None
    """As `NewJob.traceparent`. Absent in jobs that up to 0.2 accepted."""
    unknown_fields: tuple[tuple[str, str], ...] = ()
    """Names and texts of fields that a newer version has written, by name."""

    @property
    def runs_alone(self) -> bool:
        """Whether this is a quarantined job's last attempt: it shares an engine with no other job."""
        return self.quarantined and self.lost_leases >= self.max_attempts - 1


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


@dataclass(frozen=True, slots=True)
class QueuedJob:
    """A queued job: what its estimated end depends on."""

    id: str
    model: str
    images: int
    cost: float
    position: QueuePosition


class MoveTarget(StrEnum):
    """Where a queued job is moved to, among those of its tenant and model."""

    FRONT = "front"
    BACK = "back"
    BEFORE = "before"
    """Before another job."""


class MoveOutcome(StrEnum):
    """Outcome of moving a job."""

    MOVED = "moved"
    """Also if it was there already."""
    UNKNOWN = "unknown"
    NOT_QUEUED = "not_queued"
    OTHER_NOT_QUEUED = "other_not_queued"
    """The job to move before is not queued among those of the tenant and model."""


@dataclass(frozen=True, slots=True)
class MoveResult:
    """Result of moving a job."""

    outcome: MoveOutcome
    record: JobRecord | None = None
    """`None` if the tenant has no such job."""
    position: QueuePosition | None = None
    """The new position of a job that was moved."""


class SubmitOutcome(StrEnum):
    """Outcome of a submission."""

    ACCEPTED = "accepted"
    REPLAYED = "replayed"
    """The idempotency key is known. The record is the earlier job."""
    KEY_REUSED = "key_reused"
    """The idempotency key is known with another fingerprint."""
    QUEUE_FULL = "queue_full"
    QUOTA_EXCEEDED = "quota_exceeded"
    ADDRESS_LIMIT_REACHED = "address_limit_reached"
    """The visitors of this address have submitted their jobs of the day."""
    VISITORS_FULL = "visitors_full"
    """Visitors have as many open jobs as they may. The record is the oldest of these jobs."""
    ASSET_NOT_FOUND = "asset_not_found"
    """The tenant does not have one of the assets."""
    PURGE_IN_PROGRESS = "purge_in_progress"
    """All data of the tenant is being deleted."""


@dataclass(frozen=True, slots=True)
class SubmitResult:
    """Result of a submission."""

    outcome: SubmitOutcome
    record: JobRecord | None
    """The accepted or replayed job, or that of `VISITORS_FULL`; `None` if there is none, or if the store no longer has
    it."""
    pending_wakeups: int
    """Wake-ups waiting for the model. The caller publishes one only below its limit."""
    position: QueuePosition | None = None
    """The job's position while it is queued."""
    job_id: str | None = None
    """Id of the accepted or replayed job. Without a record, the job is archived or deleted."""


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
    run_id: str = ""
    """Identifies the process: after a restart a worker of the same name has another."""
    memory_bytes: int | None = None
    """Memory of its process that is in RAM."""
    device_memory_used_bytes: int | None = None
    """Memory on its device that it holds."""
    device_memory_total_bytes: int | None = None
    """Memory on its device that it may hold; `None` for a device without memory of its own."""
    resident_loras: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """By model, LoRAs in its memory."""


@dataclass(frozen=True, slots=True)
class StoreStats:
    """Load of the whole service at one moment."""

    queues: tuple[ModelQueue, ...]
    """Queues of models that have queued jobs."""
    running: dict[str, int]
    """Model → number of claimed jobs; only models that have any."""
    workers: tuple[WorkerRecord, ...]
    paused: frozenset[str]
    """Names of paused models."""
    pending_deliveries: int
    """Webhook deliveries that are neither delivered nor given up."""
    oldest_delivery_age_ms: int
    """Time since which the oldest of them is pending; 0 without one."""
    memory_used_bytes: int = 0
    """Memory that the server uses."""
    memory_max_bytes: int = 0
    """Memory that the server may use; 0: no limit."""


@dataclass(frozen=True, slots=True)
class LoadMinute:
    """Load of the whole service in one minute."""

    started_ms: int
    queued: int
    """Most jobs that a sweep found queued."""
    running: int
    """Most jobs that a sweep found claimed."""
    succeeded: int
    failed: int
    canceled: int = 0
    expired: int = 0


@dataclass(frozen=True, slots=True)
class TenantRecord:
    """A tenant as known from its jobs."""

    name: str
    queued: int = 0
    weight: float = 1.0
    """Weight as of the last submission."""
    paused: bool = False
