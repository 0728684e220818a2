"""A job's statuses, which may follow which, and the finer stages of a running job."""

from enum import StrEnum


class Status(StrEnum):
    """Where a job stands. Terminal ones are written once and never change."""

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
    # Back to `queued` when the lease is lost or the worker hands the job back.
    Status.RUNNING: frozenset({Status.QUEUED, Status.CANCELING, Status.SUCCEEDED, Status.FAILED}),
    Status.CANCELING: frozenset({Status.CANCELED}),
    Status.SUCCEEDED: frozenset(),
    Status.FAILED: frozenset(),
    Status.CANCELED: frozenset(),
    Status.EXPIRED: frozenset(),
}
"""Status → the statuses that may follow it. The Lua scripts and the in-memory store are tested against this table."""


def can_transition(current: Status, following: Status) -> bool:
    return following in TRANSITIONS[current]


class Stage(StrEnum):
    """What a running job is doing; `None` on the wire while it is not running."""

    LOADING_MODEL = "loading_model"
    ENCODING = "encoding"
    DENOISING = "denoising"
    DECODING = "decoding"
    UPLOADING = "uploading"


class JobErrorCode(StrEnum):
    """Why a job failed. These come with HTTP 200, inside `job.error`."""

    OUT_OF_MEMORY = "out_of_memory"
    NAN_OUTPUT = "nan_output"
    INPUT_UNREADABLE = "input_unreadable"
    MODEL_LOAD_FAILED = "model_load_failed"
    WORKER_LOST = "worker_lost"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    STORAGE_FAILED = "storage_failed"
    INTERNAL = "internal"
