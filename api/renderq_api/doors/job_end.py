"""End of a job as an HTTP status and a message, for doors whose clients wait for it."""

from dataclasses import dataclass

from renderq.contract import JobError, JobErrorCode, Status
from renderq_shared.jobs import JobRecord

_REQUEST_ERRORS = (JobErrorCode.OUT_OF_MEMORY, JobErrorCode.INPUT_UNREADABLE, JobErrorCode.REQUEST_UNSUPPORTED)
"""Codes of jobs that fail because of what they ask for."""

_STATUSES: dict[str, int] = {
    JobErrorCode.WORKER_LOST: 503,
    JobErrorCode.STORAGE_FAILED: 503,
    JobErrorCode.DEADLINE_EXCEEDED: 504,
}
"""Code of a failed job → status; 500 for others."""


@dataclass(frozen=True, slots=True)
class JobEnd:
    """Error of a job that ended without images."""

    status: int
    code: str
    message: str


def job_end(record: JobRecord, request_error_status: int) -> JobEnd | None:
    """Return the error for a job; `None` if it has succeeded and still has its images.

    `request_error_status`: of a job that failed because of what it asked for.
    """
    match record.status:
        case Status.SUCCEEDED if record.outputs_expired:
            return JobEnd(404, "not_found", "The images of this job have expired. Send the request with another key.")
        case Status.SUCCEEDED:
            return None
        case Status.FAILED if record.error_json:
            error = JobError.model_validate_json(record.error_json)
            status = request_error_status if error.code in _REQUEST_ERRORS else _STATUSES.get(error.code, 500)
            return JobEnd(status, error.code, error.message)
        case Status.CANCELED | Status.CANCELING:
            return JobEnd(400, "canceled", "The job was canceled.")
        case Status.EXPIRED:
            return JobEnd(504, "expired", "The job did not start in time. Try again when the service is less busy.")
        case _:
            return JobEnd(503, "service_unavailable", "The job did not end while this request waited. Try again.")
