"""Schema of a manifest's job. Manifests are untrusted: anyone who can write to the object store can write one."""

from typing import Annotated

from pydantic import BaseModel, Field, Json, ValidationError

from renderq.contract import JobError, JobWarning, Status
from renderq_shared.access import is_tenant
from renderq_shared.errors import ManifestInvalid
from renderq_shared.ids import is_batch_id
from renderq_shared.jobs.stored_results import (
    Count,
    StoredBatch,
    StoredGrid,
    StoredMetrics,
    StoredOutput,
    StoredProgress,
    StoredRuntime,
)
from renderq_shared.objects import is_key

_TimeMs = Annotated[int, Field(ge=0, lt=253_402_300_800_000)]
"""Milliseconds since the epoch, before the year 10000."""


class _Request(BaseModel, extra="allow"):
    metadata: dict[str, str]


class _Job(BaseModel):
    """Types of the fields that `JobRecord` stores as strings."""

    id: str
    tenant: str
    status: Status
    version: Count
    images: Count
    priority: Annotated[int, Field(ge=-10, le=10)]
    sequence: Count
    created_ms: _TimeMs
    started_ms: _TimeMs | None = None
    completed_ms: _TimeMs
    deadline_at_ms: _TimeMs | None = None
    attempt: Count = 0
    lost_leases: Count = 0
    max_attempts: Count
    cost: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    request_json: Json[_Request]
    outputs_json: Json[tuple[StoredOutput, ...]] = ()
    grid_json: Json[StoredGrid] | None = None
    error_json: Json[JobError] | None = None
    warnings_json: Json[tuple[JobWarning, ...]] = ()
    metrics_json: Json[StoredMetrics] | None = None
    progress_json: Json[StoredProgress] | None = None
    runtime_json: Json[StoredRuntime] | None = None
    labels_json: Json[tuple[str, ...]] = ()
    batch_id: str | None = None
    batch_json: Json[StoredBatch] | None = None


def validate(fields: object) -> None:
    """Raise `ManifestInvalid` unless `fields` describe a terminal job whose files all lie below its own prefix."""
    try:
        job = _Job.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        location = ".".join(map(str, first["loc"]))
        raise ManifestInvalid(f"{location or 'the job'} is invalid: {first['msg']}") from error
    if not job.status.is_terminal:
        raise ManifestInvalid(f"its job is {job.status}; only terminal jobs have manifests")
    if not is_tenant(job.tenant):
        raise ManifestInvalid("its tenant is not a valid tenant name")
    if (job.batch_id is None) != (job.batch_json is None):
        raise ManifestInvalid("it has one of batch_id and batch_json, not both")
    if job.batch_id is not None and not is_batch_id(job.batch_id):
        raise ManifestInvalid(f"its batch_id {job.batch_id[:80]!r} is not the id of a batch")
    thumbnails = (output.thumbnail for output in job.outputs_json)
    for file in (*job.outputs_json, *filter(None, (*thumbnails, job.grid_json))):
        if not (is_key(file.key) and file.key.startswith(f"jobs/{job.id}/")):
            raise ManifestInvalid(f"its file {file.key[:80]!r} does not belong to the job")
