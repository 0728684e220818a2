"""Records of batches: jobs that are submitted together. A batch has no record of its own: it is its jobs."""

from dataclasses import dataclass

from renderq.contract import Status
from renderq_shared.jobs.records import Idempotency, JobRecord, NewJob, QueuePosition, SubmitOutcome


@dataclass(frozen=True, slots=True)
class NewBatch:
    """A batch to submit."""

    id: str
    """Ids sort by creation."""
    tenant: str
    jobs: tuple[NewJob, ...]
    """Jobs of this tenant and batch, without idempotency keys, in the order in which they are queued."""
    weight: float = 1.0
    """The tenant's, as in `NewJob`."""
    idempotency: Idempotency | None = None


@dataclass(frozen=True, slots=True)
class BatchQueue:
    """The queue of one model after a batch has been added to it."""

    model: str
    pending_wakeups: int
    paused: bool
    """True if the model or the tenant is paused."""


@dataclass(frozen=True, slots=True)
class BatchResult:
    """Result of submitting a batch."""

    outcome: SubmitOutcome
    batch_id: str | None = None
    """Id of the accepted or replayed batch."""
    queues: tuple[BatchQueue, ...] = ()
    """One for each model of an accepted batch, by name."""
    missing_asset_of: int | None = None
    """Index of the first job without its assets, with the outcome `asset_not_found`."""


@dataclass(frozen=True, slots=True)
class LiveBatch:
    """What the job store has of a batch. The history has its other jobs, except deleted ones."""

    first: JobRecord
    """The first of these jobs."""
    statuses: dict[str, Status]
    """Job → status, in the order of acceptance."""
    running: tuple[JobRecord, ...]
    last_queued: tuple[tuple[JobRecord, QueuePosition], ...]
    """The job of each model that is the last one in the queue, with its position; by model."""
