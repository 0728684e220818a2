"""Self-test of a bucket: an object is written, read and deleted, because each of them may be missing or denied."""

import secrets
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from renderq_shared.errors import ObjectStoreUnavailable, ObjectStoreUnsuitable
from renderq_shared.objects.s3.deletion import Deleter
from renderq_shared.objects.s3.errors import S3_ERRORS, explain, is_permanent

_LEFTOVER_AGE = timedelta(hours=1)
"""A test object of this age belongs to a process that was killed."""


def list_objects(client: Any, bucket: str, prefix: str) -> None:
    """List below the prefix of the test objects. Raises `ObjectStoreUnavailable` and `ObjectStoreUnsuitable`."""
    with _named("listed"):
        client.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)


def write_read_delete(client: Any, bucket: str, prefix: str, deleter: Deleter) -> None:
    """Write a small object, read it and delete it, and delete those of killed processes. Errors as `list_objects`."""
    name = f"{prefix}check-{secrets.token_hex(8)}"
    data = name.encode()
    with _named("written"):
        client.put_object(Bucket=bucket, Key=name, Body=data)
    with _named("read"):
        found = client.get_object(Bucket=bucket, Key=name)["Body"].read()
    with _named("deleted"):
        deleter.verify(name)
        _delete_leftovers(client, bucket, prefix, deleter)
    if found != data:
        raise ObjectStoreUnsuitable(
            "objects are not stored as they were written: the store may not support the checksums that boto3 sends by "
            "default; set RENDERQ_S3_CHECKSUMS=when_required"
        )


def _delete_leftovers(client: Any, bucket: str, prefix: str, deleter: Deleter) -> None:
    found = client.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", ())
    old = [entry["Key"] for entry in found if entry["LastModified"] < datetime.now(UTC) - _LEFTOVER_AGE]
    if old:
        deleter.delete(old)


@contextmanager
def _named(operation: str) -> Generator[None]:
    """Translate errors, and name the operation that failed."""
    try:
        yield
    except S3_ERRORS as error:
        error_type = ObjectStoreUnsuitable if is_permanent(error) else ObjectStoreUnavailable
        raise error_type(f"objects cannot be {operation}: {explain(error)}") from error
