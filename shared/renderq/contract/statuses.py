"""Statuses of a job and their transitions, stages of a running job, error codes."""

from enum import StrEnum
from typing import Self


class OpenEnum(StrEnum):
    """Enum of a response, which a newer service may extend: an unknown value is kept as text, and is no member."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        unknown = str.__new__(cls, value)
        unknown._name_ = unknown._value_ = value
        return unknown


class Status(OpenEnum):
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
        """Whether the job has ended. False for a status that this version does not know."""
        return self in TRANSITIONS and not TRANSITIONS[self]


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


class Stage(OpenEnum):
    """Stage of a running job; `None` on the wire otherwise."""

    LOADING_MODEL = "loading_model"
    ENCODING = "encoding"
    DENOISING = "denoising"
    DECODING = "decoding"
    UPLOADING = "uploading"


class JobErrorCode(OpenEnum):
    """Reason of a failed job, in `job.error.code`. The HTTP status is 200."""

    OUT_OF_MEMORY = "out_of_memory"
    NAN_OUTPUT = "nan_output"
    INPUT_UNREADABLE = "input_unreadable"
    MODEL_LOAD_FAILED = "model_load_failed"
    REQUEST_UNSUPPORTED = "request_unsupported"
    WORKER_LOST = "worker_lost"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    STORAGE_FAILED = "storage_failed"
    INTERNAL = "internal"
