"""Exceptions of the client.

RenderqError
├── ConfigurationError         an option or an environment variable is invalid
├── InvalidArgument            an argument cannot be sent; nothing was
├── ConnectionFailed           no response: refused, dropped, or slower than `timeout`
├── APIError                   the service responded with an error
│   ├── InvalidRequest         4xx: the request is invalid; `errors` says where
│   ├── Unauthorized           401: the API key is missing or invalid
│   ├── Forbidden              403: the API key lacks the permission
│   ├── NotFound               404: no such job, image or model
│   ├── RateLimited            429: too many requests or too many queued jobs
│   ├── ServiceUnavailable     408, 5xx: the service, or a proxy in front of it, cannot respond now
│   └── UnexpectedResponse     a redirect, or a body outside the contract
├── ImageCorrupted             the downloaded bytes differ from the rendered ones
├── WebhookInvalid             a webhook is forged, altered, or too old
├── WaitTimeout                the job has not ended after `timeout` seconds; it continues
└── JobNotSucceeded            the job ended without all its images
    ├── JobFailed              `job.error` says why
    ├── JobCanceled            it was canceled
    └── JobExpired             its deadline passed while it was queued

ConnectionFailed, RateLimited and ServiceUnavailable are raised only after the client's retries. All errors can be
copied and pickled, so they arrive from the processes of a pool as they were raised.
"""

import copyreg
from typing import Any

from renderq.contract import FieldError, Job, Problem, Status


class RenderqError(Exception):
    """Base class of all errors of this library."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Restore message and attributes; `BaseException` would call `__init__`, which takes other arguments."""
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # pyright: ignore[reportAttributeAccessIssue]


class ConfigurationError(RenderqError, ValueError):
    """An option of the client, or an environment variable that it reads, cannot be used."""


class InvalidArgument(RenderqError, ValueError):
    """An argument cannot be sent: it has a type that the field does not take, or a value that no request can carry."""


class ConnectionFailed(RenderqError):
    """The service cannot be reached, closed the connection, or timed out."""


class APIError(RenderqError):
    """The service responded with an error."""

    def __init__(
        self, message: str, *, status: int, problem: Problem | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        """The HTTP status."""
        self.problem = problem
        """The problem document; `None` if the body is not one, such as the error page of a proxy."""
        self.retry_after = retry_after
        """Seconds after which to try again, if the service says so."""

    @property
    def code(self) -> str | None:
        """The problem's stable code, e.g. `model_not_found`."""
        return self.problem.code if self.problem else None

    @property
    def request_id(self) -> str | None:
        """Id of the request in the service's log."""
        return self.problem.request_id if self.problem else None


class InvalidRequest(APIError):
    """The request is invalid; repeating it unchanged fails again."""

    @property
    def errors(self) -> tuple[FieldError, ...]:
        """Errors of single values; empty if the request was refused as a whole."""
        return self.problem.errors if self.problem else ()


class Unauthorized(APIError):
    """The API key is missing, wrong, revoked or expired."""


class Forbidden(APIError):
    """The API key lacks the permission."""


class NotFound(APIError):
    """Nothing of that name exists, or it is not visible to this API key."""


class RateLimited(APIError):
    """Too many requests, or too many queued jobs."""


class ServiceUnavailable(APIError):
    """The service, or a proxy in front of it, cannot respond now."""


class UnexpectedResponse(APIError):
    """The response is outside the contract: usually the URL belongs to another server."""


class ImageCorrupted(RenderqError):
    """The downloaded bytes do not match the sha256 that the worker recorded."""


class WebhookInvalid(RenderqError):
    """The signature, timestamp or body of a webhook is invalid: respond with 400."""


class WaitTimeout(RenderqError):
    """The job did not end in time. It continues: wait again, or cancel it."""

    def __init__(self, job: Job, timeout: float, failure: RenderqError | None = None) -> None:
        state = f"{job.id} is still {job.status}" if failure is None else f"{job.id} was last seen {job.status}"
        reason = "" if failure is None else f" ({failure})"
        after = f"after {round(timeout, 1):g} s{reason}"
        if job.status.is_terminal:
            super().__init__(f"{job.id} is {job.status}; its events were not complete {after}")
        else:
            super().__init__(f"{state} {after}; it continues until it is canceled")
        self.job = job
        """The latest snapshot of the job."""


class JobNotSucceeded(RenderqError):
    """The job ended without all its images."""

    def __init__(self, job: Job, message: str) -> None:
        super().__init__(message)
        self.job = job
        """The job, with the images finished before it ended."""


class JobFailed(JobNotSucceeded):
    """Rendering failed; `job.error` says why and whether the same request may succeed later."""

    def __init__(self, job: Job) -> None:
        reason = f"{job.error.code}: {job.error.message}" if job.error else "an unknown error"
        super().__init__(job, f"{job.id} failed with {reason}")


class JobCanceled(JobNotSucceeded):
    """The job was canceled."""

    def __init__(self, job: Job) -> None:
        super().__init__(job, f"{job.id} was canceled")


class JobExpired(JobNotSucceeded):
    """The deadline passed before a worker started the job."""

    def __init__(self, job: Job) -> None:
        super().__init__(job, f"{job.id} expired: no worker started it before its deadline")


_UNSUCCESSFUL: dict[Status, type[JobFailed | JobCanceled | JobExpired]] = {
    Status.FAILED: JobFailed,
    Status.CANCELED: JobCanceled,
    Status.EXPIRED: JobExpired,
}


def job_error(job: Job) -> JobNotSucceeded | None:
    """Return the error for a job that ended without succeeding, else `None`."""
    error = _UNSUCCESSFUL.get(job.status)
    return error(job) if error else None
