"""Statuses of a job and their transitions, stages of a running job, error codes."""

from enum import StrEnum


class Status(StrEnum):
    """Status of a job. A terminal status never changes."""

    QUEUED = "queued"
    RUNNING = "running"
    CANCELING = "canceling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    EXPIRED = "expired"

    @property
    def is_terminal(self) -> bool:
        return not TRANSITIONS[self]


TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.QUEUED: frozenset({Status.RUNNING, Status.CANCELED, Status.EXPIRED}),
    # Back to `queued` when the lease expires or the worker releases the job.
    Status.RUNNING: frozenset({Status.QUEUED, Status.CANCELING, Status.SUCCEEDED, Status.FAILED}),
    Status.CANCELING: frozenset({Status.CANCELED}),
    Status.SUCCEEDED: frozenset(),
    Status.FAILED: frozenset(),
    Status.CANCELED: frozenset(),
    Status.EXPIRED: frozenset(),
}
"""Status → possible next statuses. Tests check the Lua scripts and the in-memory store against this table."""


def can_transition(current: Status, following: Status) -> bool:
    return following in TRANSITIONS[current]


class Stage(StrEnum):
    """Stage of a running job; `None` on the wire otherwise."""

    LOADING_MODEL = "loading_model"
    ENCODING = "encoding"
    DENOISING = "denoising"
    DECODING = "decoding"
    UPLOADING = "uploading"


class JobErrorCode(StrEnum):
    """Reason of a failed job, in `job.error.code`. The HTTP status is 200."""

    OUT_OF_MEMORY = "out_of_memory"
    NAN_OUTPUT = "nan_output"
    INPUT_UNREADABLE = "input_unreadable"
    MODEL_LOAD_FAILED = "model_load_failed"
    WORKER_LOST = "worker_lost"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    STORAGE_FAILED = "storage_failed"
    INTERNAL = "internal"
