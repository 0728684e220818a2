"""A job's manifest: its record at its end, beside its pictures in the object store, from which it can be taken back."""

import json
from typing import Any, cast

from renderq_shared.errors import ManifestInvalid
from renderq_shared.jobs.decoding import job_record
from renderq_shared.jobs.encoding import job_fields
from renderq_shared.jobs.records import JobRecord

MANIFEST_NAME = "job.json"
CONTENT_TYPE = "application/json"

_VERSION = 1


def manifest_key(job_id: str) -> str:
    return f"jobs/{job_id}/{MANIFEST_NAME}"


def is_manifest_key(key: str) -> bool:
    return key.count("/") == 2 and key.endswith(f"/{MANIFEST_NAME}")


def manifest(job: JobRecord) -> bytes:
    """`{"renderq": 1, "job": {field: text}}`: the fields are those of the record in Redis."""
    return json.dumps({"renderq": _VERSION, "job": job_fields(job)}, sort_keys=True, indent=1).encode()


def read_manifest(data: bytes) -> JobRecord:
    """Raises `ManifestInvalid` for anything but the manifest of an ended job."""
    try:
        parsed: Any = json.loads(data)
        version, fields = parsed["renderq"], parsed["job"]
        if version != _VERSION:
            raise ManifestInvalid(f"it has version {version!r}, and this renderq reads version {_VERSION}")
        if not all(isinstance(value, str) for value in cast(dict[str, object], fields).values()):
            raise ManifestInvalid("its fields are not texts")
        job = job_record(fields)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ManifestInvalid(f"it cannot be read: {type(error).__name__}: {error}") from error
    if not job.status.is_terminal or job.completed_ms is None:
        raise ManifestInvalid(f"its job is {job.status}: only ended jobs have manifests")
    return job
