"""Manifest of an ended job: its record, stored with its images, from which it can be restored."""

import json
from collections.abc import Iterable
from typing import Any, cast

from renderq_shared.errors import ManifestInvalid, RecordUnreadable
from renderq_shared.jobs import JobRecord
from renderq_shared.jobs.redis.codec import decode_job, encode_job
from renderq_shared.manifests.schema import validate

MANIFEST_NAME = "job.json"
CONTENT_TYPE = "application/json"

MAX_MANIFEST_BYTES = 4 << 20
"""Size limit, far above the manifest of the largest request."""

_VERSION = 1


def manifest_key(job_id: str) -> str:
    return f"jobs/{job_id}/{MANIFEST_NAME}"


def is_manifest_key(key: str) -> bool:
    return key.count("/") == 2 and key.endswith(f"/{MANIFEST_NAME}")


def encode_manifest(job: JobRecord) -> bytes:
    """Return `{"renderq": 1, "job": {field: text}}` with the fields of the record in Redis."""
    return json.dumps({"renderq": _VERSION, "job": encode_job(job)}, sort_keys=True, indent=1).encode()


def read_manifest(chunks: Iterable[bytes]) -> JobRecord:
    """Return the job of a manifest. Raises `ManifestInvalid` for anything but the manifest of an ended job."""
    data = bytearray()
    for chunk in chunks:
        data += chunk
        if len(data) > MAX_MANIFEST_BYTES:
            raise ManifestInvalid(f"it is larger than {MAX_MANIFEST_BYTES:,} bytes")
    try:
        parsed: Any = json.loads(data)
        version, fields = parsed["renderq"], parsed["job"]
        if version != _VERSION:
            raise ManifestInvalid(f"its version is {version!r}; this release reads version {_VERSION}")
        if not all(isinstance(value, str) for value in cast(dict[str, object], fields).values()):
            raise ManifestInvalid("its fields are not strings")
        validate(fields)
        return decode_job(fields)
    except (RecordUnreadable, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ManifestInvalid(f"it cannot be read: {type(error).__name__}: {error}") from error
