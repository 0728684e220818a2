"""Everything that renderq raises.

RenderqError
├── ConfigurationError         the address of the service cannot be one
├── ConnectionFailed           no answer came: refused, dropped, or slower than `timeout`
├── APIError                   the service answered, and it was not what was asked for
│   ├── InvalidRequest         4xx: the request is wrong as it is; `errors` says where
│   ├── Unauthorized           401: the service needs an API key, and there is none or it is not a good one
│   ├── Forbidden              403: the API key may not do that
│   ├── NotFound               404: no such job, picture or model
│   ├── RateLimited            429: too many requests or too many queued jobs
│   ├── ServiceUnavailable     408, 5xx: the service, or a proxy before it, cannot answer now
│   └── UnexpectedResponse       a redirect, or a body that is not in the contract
├── ImageCorrupted             the downloaded bytes are not those that were rendered
├── WebhookInvalid             a webhook is not from the service, or too old
├── WaitTimeout                the job is not done after `timeout` seconds; it goes on
└── JobNotSucceeded            the job ended, and not with all its pictures
    ├── JobFailed              `job.error` says why
    ├── JobCanceled            somebody canceled it
    └── JobExpired             it was still queued when its deadline passed

ConnectionFailed, RateLimited and ServiceUnavailable are raised only after the client's own retries.
"""

from renderq.contract import FieldError, Job, Problem, Status


class RenderqError(Exception):
    """Whatever goes wrong in this library."""


class ConfigurationError(RenderqError, ValueError):
    """The address of the service is not an http or https URL."""


class ConnectionFailed(RenderqError):
    """The service cannot be reached, or it closed the connection, or it was silent for too long."""


class APIError(RenderqError):
    """The service answered with something else than what was asked for."""

    def __init__(
        self, message: str, *, status: int, problem: Problem | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        """The HTTP status."""
        self.problem = problem
        """What the service said; `None` if the body is not a problem document, as with a proxy's own error page."""
        self.retry_after = retry_after
        """Seconds after which the service asks to be tried again, if it said so."""

    @property
    def code(self) -> str | None:
        """The problem's stable code, e.g. `model_not_found`."""
        return self.problem.code if self.problem else None

    @property
    def request_id(self) -> str | None:
        """Under this id the service's log has the request."""
        return self.problem.request_id if self.problem else None


class InvalidRequest(APIError):
    """The service refused the request: it will not do better unchanged."""

    @property
    def errors(self) -> tuple[FieldError, ...]:
        """What is wrong, value by value; empty if the request was refused as a whole."""
        return self.problem.errors if self.problem else ()


class Unauthorized(APIError):
    """The service needs an API key: none was sent, or one that is wrong, revoked or expired."""


class Forbidden(APIError):
    """The API key may not do that."""


class NotFound(APIError):
    """The service has nothing of that name that this API key may see."""


class RateLimited(APIError):
    """Too many requests, or too many jobs queued at once."""


class ServiceUnavailable(APIError):
    """The service, or a proxy before it, cannot answer now."""


class UnexpectedResponse(APIError):
    """The answer is not in the contract: most often the address belongs to something else."""


class ImageCorrupted(RenderqError):
    """The downloaded bytes do not have the sha256 that the worker recorded."""


class WebhookInvalid(RenderqError):
    """A webhook's signature, time or body is not right: answer it with 400."""


class WaitTimeout(RenderqError):
    """The job was not done in time. It goes on: wait again, or cancel it."""

    def __init__(self, job: Job, timeout: float) -> None:
        super().__init__(f"{job.id} is still {job.status} after {timeout:g} s; it goes on until it is canceled")
        self.job = job
        """The job as it was last seen."""


class JobNotSucceeded(RenderqError):
    """The job ended without all its pictures."""

    def __init__(self, job: Job, message: str) -> None:
        super().__init__(message)
        self.job = job
        """The job, with the pictures that were finished before the end."""


class JobFailed(JobNotSucceeded):
    """Rendering failed; `job.error` says why and whether the same request may succeed later."""

    def __init__(self, job: Job) -> None:
        reason = f"{job.error.code}: {job.error.message}" if job.error else "no reason is known"
        super().__init__(job, f"{job.id} failed with {reason}")


class JobCanceled(JobNotSucceeded):
    """The job was canceled."""

    def __init__(self, job: Job) -> None:
        super().__init__(job, f"{job.id} was canceled")


class JobExpired(JobNotSucceeded):
    """The job's deadline passed before a worker took it."""

    def __init__(self, job: Job) -> None:
        super().__init__(job, f"{job.id} expired: no worker took it before its deadline")


_UNSUCCESSFUL: dict[Status, type[JobFailed | JobCanceled | JobExpired]] = {
    Status.FAILED: JobFailed,
    Status.CANCELED: JobCanceled,
    Status.EXPIRED: JobExpired,
}


def job_error(job: Job) -> JobNotSucceeded | None:
    """The error that a job's status stands for; `None` unless the job ended without all its pictures."""
    error = _UNSUCCESSFUL.get(job.status)
    return error(job) if error else None
