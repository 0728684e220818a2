"""The two ends that a job meets without a worker saying so, as `JobRecord.error_json` tells them."""

from renderq.contract import JobError, JobErrorCode

WORKER_LOST = JobError(
    code=JobErrorCode.WORKER_LOST,
    message="Every worker that took this job stopped answering before it was done. Submit it again; "
    "if it fails again, the request is more than the worker can bear: try fewer or smaller images.",
    retryable=True,
)
"""Its last permitted attempt ended in a lost lease."""

DEADLINE_EXCEEDED = JobError(
    code=JobErrorCode.DEADLINE_EXCEEDED,
    message="The job was being rendered when its deadline passed. Allow more time with `deadline_seconds`.",
    retryable=True,
)
"""Its deadline passed while it was running."""

WORKER_LOST_JSON = WORKER_LOST.model_dump_json()
DEADLINE_EXCEEDED_JSON = DEADLINE_EXCEEDED.model_dump_json()
