"""RFC 9457 problem documents and the table of their kinds."""

from dataclasses import dataclass
from enum import StrEnum

from pydantic import Field

from renderq.contract.base import ResponseModel


class ProblemKind(StrEnum):
    """The stable `code` of a problem."""

    INVALID_REQUEST = "invalid_request"
    MODEL_NOT_FOUND = "model_not_found"
    TASK_NOT_SUPPORTED = "task_not_supported"
    TOO_MANY_PIXELS = "too_many_pixels"
    ASSET_NOT_FOUND = "asset_not_found"
    ASSET_TOO_LARGE = "asset_too_large"
    PAYLOAD_TOO_LARGE = "payload_too_large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    REQUEST_TIMEOUT = "request_timeout"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    IDEMPOTENCY_KEY_REUSE = "idempotency_key_reuse"
    JOB_NOT_TERMINAL = "job_not_terminal"
    JOB_NOT_QUEUED = "job_not_queued"
    JOB_SUCCEEDED = "job_succeeded"
    NOTHING_TO_RETRY = "nothing_to_retry"
    PURGE_IN_PROGRESS = "purge_in_progress"
    QUEUE_FULL = "queue_full"
    QUOTA_EXCEEDED = "quota_exceeded"
    DAILY_LIMIT_REACHED = "daily_limit_reached"
    DEMO_FULL = "demo_full"
    RATE_LIMITED = "rate_limited"
    TOO_MANY_STREAMS = "too_many_streams"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    STORAGE_UNAVAILABLE = "storage_unavailable"
    HISTORY_UNAVAILABLE = "history_unavailable"
    SERVICE_UNAVAILABLE = "service_unavailable"
    PRECONDITION_FAILED = "precondition_failed"
    RANGE_NOT_SATISFIABLE = "range_not_satisfiable"
    RECORD_UNREADABLE = "record_unreadable"
    INTERNAL_ERROR = "internal_error"


@dataclass(frozen=True, slots=True)
class ProblemDefinition:
    """Status, title and retryability of a kind."""

    status: int
    title: str
    retryable: bool = False


PROBLEMS: dict[ProblemKind, ProblemDefinition] = {
    ProblemKind.INVALID_REQUEST: ProblemDefinition(422, "The request is not valid"),
    ProblemKind.MODEL_NOT_FOUND: ProblemDefinition(422, "The model does not exist"),
    ProblemKind.TASK_NOT_SUPPORTED: ProblemDefinition(422, "The task is not supported"),
    ProblemKind.TOO_MANY_PIXELS: ProblemDefinition(422, "The image is larger than the model allows"),
    ProblemKind.ASSET_NOT_FOUND: ProblemDefinition(422, "The asset does not exist"),
    ProblemKind.ASSET_TOO_LARGE: ProblemDefinition(413, "The image is too large"),
    ProblemKind.PAYLOAD_TOO_LARGE: ProblemDefinition(413, "The request body is too large"),
    ProblemKind.UNSUPPORTED_MEDIA_TYPE: ProblemDefinition(415, "The media type is not supported"),
    ProblemKind.REQUEST_TIMEOUT: ProblemDefinition(408, "The request took too long to arrive", retryable=True),
    ProblemKind.METHOD_NOT_ALLOWED: ProblemDefinition(405, "The method is not allowed"),
    ProblemKind.IDEMPOTENCY_KEY_REUSE: ProblemDefinition(422, "The idempotency key was used for a different request"),
    ProblemKind.JOB_NOT_TERMINAL: ProblemDefinition(409, "The job has not ended"),
    ProblemKind.JOB_NOT_QUEUED: ProblemDefinition(409, "The job is not queued"),
    ProblemKind.JOB_SUCCEEDED: ProblemDefinition(409, "The job has succeeded"),
    ProblemKind.NOTHING_TO_RETRY: ProblemDefinition(409, "No job of the batch can be retried"),
    ProblemKind.PURGE_IN_PROGRESS: ProblemDefinition(409, "The tenant's data is being deleted", retryable=True),
    ProblemKind.QUEUE_FULL: ProblemDefinition(503, "The queue is full", retryable=True),
    ProblemKind.QUOTA_EXCEEDED: ProblemDefinition(429, "Your quota of queued jobs is used up", retryable=True),
    ProblemKind.DAILY_LIMIT_REACHED: ProblemDefinition(429, "The limit of visitors from your address is reached"),
    ProblemKind.DEMO_FULL: ProblemDefinition(429, "All places for visitors are taken", retryable=True),
    ProblemKind.RATE_LIMITED: ProblemDefinition(429, "You have exceeded your request rate", retryable=True),
    ProblemKind.TOO_MANY_STREAMS: ProblemDefinition(429, "Too many event streams are open", retryable=True),
    ProblemKind.UNAUTHORIZED: ProblemDefinition(401, "A valid API key is required"),
    ProblemKind.FORBIDDEN: ProblemDefinition(403, "The API key lacks the permission"),
    ProblemKind.NOT_FOUND: ProblemDefinition(404, "The resource does not exist"),
    ProblemKind.STORAGE_UNAVAILABLE: ProblemDefinition(503, "The object store does not respond", retryable=True),
    ProblemKind.HISTORY_UNAVAILABLE: ProblemDefinition(503, "The history does not respond", retryable=True),
    ProblemKind.SERVICE_UNAVAILABLE: ProblemDefinition(503, "The service is unavailable", retryable=True),
    ProblemKind.PRECONDITION_FAILED: ProblemDefinition(412, "A precondition does not hold"),
    ProblemKind.RANGE_NOT_SATISFIABLE: ProblemDefinition(416, "The range is outside the file"),
    ProblemKind.RECORD_UNREADABLE: ProblemDefinition(500, "The job's record cannot be read"),
    ProblemKind.INTERNAL_ERROR: ProblemDefinition(500, "Internal error", retryable=True),
}


TYPE_PREFIX = "urn:renderq:problem:"
"""Problem types are URNs, not URLs: a self-hosted service has no page that all clients can reach."""


class FieldError(ResponseModel):
    """One invalid value in a request body."""

    pointer: str = Field(description="JSON Pointer (RFC 6901) to the value, e.g. `/steps`.")
    code: str
    detail: str


class Problem(ResponseModel):
    """Body of every error response, `application/problem+json`."""

    type: str = Field(description="URN of the kind: `urn:renderq:problem:` and the code.")
    title: str
    status: int
    detail: str = Field(description="What is wrong, what was expected, and what to do.")
    instance: str = Field(description="Path of the request.")
    code: str
    retryable: bool
    request_id: str
    errors: tuple[FieldError, ...] = ()
