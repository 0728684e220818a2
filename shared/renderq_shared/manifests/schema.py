"""What a manifest may say. Whoever can write into the object store wrote it, and what it brings back is shown."""

from typing import Annotated

from pydantic import BaseModel, Field, Json, ValidationError

from renderq.contract import JobError, JobWarning, Metrics, Progress, Status
from renderq_shared.access import is_tenant
from renderq_shared.errors import ManifestInvalid
from renderq_shared.objects.keys import is_key

_Count = Annotated[int, Field(ge=0, le=2**53 - 1)]
"""Exact in Redis' scores, in Lua and in JSON."""

_Moment = Annotated[int, Field(ge=0, lt=253_402_300_800_000)]
"""Milliseconds since the epoch, before the year 10000."""


class _Picture(BaseModel):
    key: str
    content_type: str
    width: _Count
    height: _Count
    size_bytes: _Count
    sha256: str
    pixel_sha256: str


class _Output(_Picture):
    index: _Count
    seed: _Count


class _Grid(_Picture):
    columns: _Count
    rows: _Count


class _Request(BaseModel, extra="allow"):
    metadata: dict[str, str]


class _Runtime(BaseModel):
    model_revision: str | None = None
    device: str | None = None
    dtype: str | None = None
    batch_invariant: bool | None = None


class _Job(BaseModel):
    """The texts of a record, with the types that they stand for."""

    id: str
    tenant: str
    status: Status
    version: _Count
    images: _Count
    priority: Annotated[int, Field(ge=-10, le=10)]
    sequence: _Count
    created_ms: _Moment
    started_ms: _Moment | None = None
    completed_ms: _Moment
    deadline_at_ms: _Moment | None = None
    attempt: _Count = 0
    lost_leases: _Count = 0
    max_attempts: _Count
    cost: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    request_json: Json[_Request]
    outputs_json: Json[tuple[_Output, ...]] = ()
    grid_json: Json[_Grid] | None = None
    error_json: Json[JobError] | None = None
    warnings_json: Json[tuple[JobWarning, ...]] = ()
    metrics_json: Json[Metrics] | None = None
    progress_json: Json[Progress] | None = None
    runtime_json: Json[_Runtime] | None = None


def validate(fields: object) -> None:
    """Raises `ManifestInvalid` unless these are the fields of an ended job that has pictures of its own alone."""
    try:
        job = _Job.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise ManifestInvalid(f"{where or 'the job'} cannot be read: {first['msg']}") from error
    if not job.status.is_terminal:
        raise ManifestInvalid(f"its job is {job.status}: only ended jobs have manifests")
    if not is_tenant(job.tenant):
        raise ManifestInvalid("no tenant can be called as it says")
    for picture in (*job.outputs_json, *filter(None, [job.grid_json])):
        if not (is_key(picture.key) and picture.key.startswith(f"jobs/{job.id}/")):
            raise ManifestInvalid(f"its picture {picture.key[:80]!r} is not one of the job's")
