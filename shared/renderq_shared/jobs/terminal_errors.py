"""Values of `JobRecord.error_json` for jobs that the store ends itself."""

from renderq.contract import JobError, JobErrorCode

WORKER_LOST = JobError(
    code=JobErrorCode.WORKER_LOST,
    message="Every worker that claimed this job stopped responding before it finished. Submit it again. "
    "If it fails again, the request exceeds what the worker can handle: try fewer or smaller images.",
    retryable=True,
)
"""The last permitted attempt ended in a lost lease."""

DEADLINE_EXCEEDED = JobError(
    code=JobErrorCode.DEADLINE_EXCEEDED,
    message="The deadline passed while the job was running. Allow more time with `deadline_seconds`.",
    retryable=True,
)
"""The deadline passed while the job was running."""

WORKER_LOST_JSON = WORKER_LOST.model_dump_json()
DEADLINE_EXCEEDED_JSON = DEADLINE_EXCEEDED.model_dump_json()
