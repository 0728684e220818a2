"""The job store's records: frozen facts about jobs, as the store knows them.

Times are milliseconds since the epoch on Redis' clock. Texts that end in `_json` are stored and returned as they
are; the store never looks inside.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from renderq.contract import Status
from renderq_shared.jobs.timings import JobTiming


@dataclass(frozen=True, slots=True)
class Idempotency:
    """A client's promise that two submissions are the same."""

    key: str
    """Unique within the tenant for 24 hours."""
    fingerprint: str
    """SHA-256 of method, path and canonical body; the same key with another fingerprint is a client's mistake."""


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to be accepted."""

    id: str
    tenant: str
    task: str
    model: str
    request_json: str
    """The resolved request: every default filled in, the seed drawn."""
    images: int
    """Number of pictures: a generation each."""
    cost: float
    """Estimated device time in arbitrary but consistent units; fairness charges it to the tenant."""
    priority: int
    max_attempts: int
    deadline_ms: int | None = None
    """Time to live after acceptance."""
    idempotency: Idempotency | None = None
    retried_from: str | None = None
    """The job that this one does again."""
    webhook_events: tuple[str, ...] = ()
    """Events that go into the outbox; whom they are told is in the request."""
    webhook_host: str = ""
    """Whose deliveries they stand in line with."""
    weight: float = 1.0
    """The tenant's share of a model's time, compared with other tenants'; from now on, for all its jobs."""
    assets: tuple[str, ...] = ()
    """Assets that the request names, each once: they are kept for as long as the job can be looked up."""


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """How many jobs may be queued."""

    total: int
    per_tenant: int


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job as stored. Everything that a worker or an answer needs, in one read."""

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
    """Place in the order of acceptance; kept when the job goes back into the queue."""
    created_ms: int
    attempt: int
    """Claims so far."""
    lost_leases: int
    """Leases that ran out without a word from the worker; hand-backs do not count."""
    max_attempts: int
    quarantined: bool
    """It lost a worker before: given only to an empty engine, and rendered alone. A hand-back clears nothing."""
    deadline_at_ms: int | None = None
    started_ms: int | None = None
    """Beginning of the current or last attempt."""
    completed_ms: int | None = None
    claim_id: str | None = None
    """Fencing token of the current attempt; of the last one once terminal."""
    worker: str | None = None
    stage: str | None = None
    progress_json: str | None = None
    outputs_json: str | None = None
    grid_json: str | None = None
    error_json: str | None = None
    warnings_json: str | None = None
    metrics_json: str | None = None
    runtime_json: str | None = None
    """What rendered it: model revision, device, dtype, batch invariance."""
    retried_from: str | None = None
    """The job that this one does again; it may be forgotten by now."""
    cost: float = 0.0
    """Estimated at acceptance, in the units of `NewJob.cost`."""
    outputs_expired: bool = False
    """Its pictures were kept for as long as they are kept."""


@dataclass(frozen=True, slots=True)
class QueuePosition:
    """What a queued job is waiting for."""

    jobs_ahead: int
    """Jobs expected to start first if nothing else arrives: exact within a tenant, an estimate between tenants."""
    has_worker: bool
    """Whether a live worker serves its model."""
    paused: bool = False
    """Whether its model or its tenant is paused: nobody is given it."""
    cost_ahead: float = 0.0
    """An estimate of what those jobs cost, and of what workers still have to do of those that they hold."""


class SubmitOutcome(StrEnum):
    """What became of a submission."""

    ACCEPTED = "accepted"
    REPLAYED = "replayed"
    """The idempotency key was known: the record is the earlier job's."""
    KEY_REUSED = "key_reused"
    """The idempotency key was known with another fingerprint."""
    QUEUE_FULL = "queue_full"
    QUOTA_EXCEEDED = "quota_exceeded"
    ASSET_NOT_FOUND = "asset_not_found"
    """The tenant does not have one of the assets."""


@dataclass(frozen=True, slots=True)
class SubmitResult:
    outcome: SubmitOutcome
    record: JobRecord | None
    """The job that now stands for the submission; `None` if there is none."""
    pending_wakeups: int
    """Wake-ups waiting for the model: a caller publishes one only below its bound."""
    position: QueuePosition | None = None
    """What that job waits for, while it is queued."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that a worker could take a job of now."""

    model: str
    resident: bool
    """Already in memory. One that is not goes first once its oldest job waited `switch_after_ms`."""
    prefetch: bool = False
    """A job of it would not be stepped at once: one that a worker without jobs could take is left to it."""


@dataclass(frozen=True, slots=True)
class ClaimRequest:
    """A worker's question for a job."""

    claim_id: str
    """Made by the worker; asking again with the same one returns the same job."""
    worker: str
    lease_ms: int
    candidates: tuple[Candidate, ...]
    """In the worker's order of preference."""
    engine_empty: bool
    """Only an empty engine is given a suspect."""
    switch_after_ms: int


class FenceResult(StrEnum):
    """What a fenced write met."""

    HELD = "held"
    """The claim holds the job; the write took effect."""
    CANCELING = "canceling"
    """The claim holds the job; the write took effect; its owner wants it stopped."""
    LOST = "lost"
    """The claim no longer holds the job; nothing was written."""


@dataclass(frozen=True, slots=True)
class ProgressResult:
    """What came of telling a job's news."""

    fence: FenceResult
    has_preview_viewers: bool
    """Whether anybody looks at the job's previews right now: only then are any made."""


@dataclass(frozen=True, slots=True)
class ClaimRef:
    """A job that a worker holds, named for renewal."""

    job_id: str
    claim_id: str


@dataclass(frozen=True, slots=True)
class JobUpdate:
    """News of a running job; `None` leaves a field as it is."""

    stage: str | None = None
    progress_json: str | None = None
    outputs_json: str | None = None
    grid_json: str | None = None
    warnings_json: str | None = None
    metrics_json: str | None = None
    runtime_json: str | None = None
    finished: tuple[int, ...] = ()
    """Indexes of the pictures in `outputs_json`: the outbox gets each once. Not part of the record."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended. On a canceling job the status becomes `canceled`, and finished outputs stay."""

    status: Status
    """`succeeded`, `failed` or `canceled`."""
    error_json: str | None = None
    update: JobUpdate = field(default_factory=JobUpdate)
    cost: float | None = None
    """Measured cost in the units of `NewJob.cost`: corrects what fairness charged."""
    timing: JobTiming | None = None
    """What it took; remembered if it succeeds."""


@dataclass(frozen=True, slots=True)
class FinishResult:
    accepted: bool
    """Whether this claim's outcome is the job's (also when it is told a second time). `canceled` is refused for a job
    that nobody wanted to cancel."""
    record: JobRecord | None
    """The job after the call. If it still names a refused claim, the store ended the job (deadline, lost lease), and
    the outputs that it lists are that claim's."""


@dataclass(frozen=True, slots=True)
class ModelQueue:
    """One model's queue, as a sweep finds it."""

    model: str
    queued: int
    oldest_age_ms: int
    pending_wakeups: int
    has_worker: bool
    claimable: int
    """Those of the queued that a worker may be given: not of a paused tenant, and none of a paused model."""


@dataclass(frozen=True, slots=True)
class SweepResult:
    """What one bounded sweep did. `more` asks for another one at once."""

    requeued: tuple[str, ...]
    lost: tuple[str, ...]
    """Failed with `worker_lost`."""
    canceled: tuple[str, ...]
    expired: tuple[str, ...]
    deadline_exceeded: tuple[str, ...]
    """Failed with `deadline_exceeded` while running."""
    extended: int
    """Leases that were extended because Redis, or every sweep, had been away."""
    queues: tuple[ModelQueue, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class WorkerRecord:
    """A live worker, as it last described itself."""

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
    """How busy everything is, at one moment."""

    queues: tuple[ModelQueue, ...]
    """Of models that have queued jobs."""
    running: dict[str, int]
    """Model → jobs that workers hold; only models that have any."""
    workers: tuple[WorkerRecord, ...]
    paused: frozenset[str] = frozenset()
    """Models that are paused."""


@dataclass(frozen=True, slots=True)
class TenantRecord:
    """A tenant, as its jobs' queue knows it."""

    name: str
    queued: int = 0
    weight: float = 1.0
    """As of its last submission."""
    paused: bool = False
