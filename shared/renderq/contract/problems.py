"""RFC 9457 problem documents: one table of kinds, used by the server to answer and by the SDK to raise."""

from dataclasses import dataclass
from enum import StrEnum

from pydantic import Field

from renderq.contract.base import AnswerModel


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
    JOB_SUCCEEDED = "job_succeeded"
    QUEUE_FULL = "queue_full"
    QUOTA_EXCEEDED = "quota_exceeded"
    RATE_LIMITED = "rate_limited"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    STORAGE_UNAVAILABLE = "storage_unavailable"
    SERVICE_UNAVAILABLE = "service_unavailable"
    RANGE_NOT_SATISFIABLE = "range_not_satisfiable"
    INTERNAL_ERROR = "internal_error"


@dataclass(frozen=True, slots=True)
class ProblemFacts:
    """What is the same for every problem of a kind."""

    status: int
    title: str
    retryable: bool = False


PROBLEMS: dict[ProblemKind, ProblemFacts] = {
    ProblemKind.INVALID_REQUEST: ProblemFacts(422, "The request is not valid"),
    ProblemKind.MODEL_NOT_FOUND: ProblemFacts(422, "There is no model of that name"),
    ProblemKind.TASK_NOT_SUPPORTED: ProblemFacts(422, "The task is not supported"),
    ProblemKind.TOO_MANY_PIXELS: ProblemFacts(422, "The picture is larger than the model allows"),
    ProblemKind.ASSET_NOT_FOUND: ProblemFacts(422, "There is no such asset"),
    ProblemKind.ASSET_TOO_LARGE: ProblemFacts(413, "The picture is too large"),
    ProblemKind.PAYLOAD_TOO_LARGE: ProblemFacts(413, "The request body is too large"),
    ProblemKind.UNSUPPORTED_MEDIA_TYPE: ProblemFacts(415, "The media type is not supported"),
    ProblemKind.REQUEST_TIMEOUT: ProblemFacts(408, "The request did not come in time", retryable=True),
    ProblemKind.METHOD_NOT_ALLOWED: ProblemFacts(405, "The method is not allowed here"),
    ProblemKind.IDEMPOTENCY_KEY_REUSE: ProblemFacts(422, "The idempotency key belongs to another request"),
    ProblemKind.JOB_NOT_TERMINAL: ProblemFacts(409, "The job has not ended"),
    ProblemKind.JOB_SUCCEEDED: ProblemFacts(409, "The job has succeeded"),
    ProblemKind.QUEUE_FULL: ProblemFacts(503, "The queue is full", retryable=True),
    ProblemKind.QUOTA_EXCEEDED: ProblemFacts(429, "You have as many jobs queued as you may", retryable=True),
    ProblemKind.RATE_LIMITED: ProblemFacts(429, "You ask more often than you may", retryable=True),
    ProblemKind.UNAUTHORIZED: ProblemFacts(401, "This needs a valid API key"),
    ProblemKind.FORBIDDEN: ProblemFacts(403, "You may not do that"),
    ProblemKind.NOT_FOUND: ProblemFacts(404, "There is nothing at this address"),
    ProblemKind.STORAGE_UNAVAILABLE: ProblemFacts(503, "The object store does not answer", retryable=True),
    ProblemKind.SERVICE_UNAVAILABLE: ProblemFacts(503, "The service cannot answer now", retryable=True),
    ProblemKind.RANGE_NOT_SATISFIABLE: ProblemFacts(416, "The range lies outside the file"),
    ProblemKind.INTERNAL_ERROR: ProblemFacts(500, "Something went wrong inside the service", retryable=True),
}


class FieldError(AnswerModel):
    """One thing that is wrong with a request body."""

    pointer: str = Field(description="JSON Pointer (RFC 6901) to the value, e.g. `/steps`.")
    code: str
    detail: str


class Problem(AnswerModel):
    """The body of every error answer, as `application/problem+json`."""

    type: str = Field(description="Address of this kind's page in the error reference.")
    title: str
    status: int
    detail: str = Field(description="What was wrong, what was expected, what to do.")
    instance: str = Field(description="The path that was asked for.")
    code: str
    retryable: bool
    request_id: str
    errors: tuple[FieldError, ...] = ()
