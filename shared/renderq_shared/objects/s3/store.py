"""Object store in an S3 bucket, of Amazon or a compatible server: for services on several machines."""

import io
import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from renderq_shared.errors import ObjectNotFound, ObjectStoreUnavailable, ObjectStoreUnsuitable
from renderq_shared.objects.keys import check_key, check_prefix, is_key
from renderq_shared.objects.media_types import check_media_type, content_disposition, media_type
from renderq_shared.objects.s3.client import S3Clients
from renderq_shared.objects.s3.deletion import Deleter
from renderq_shared.objects.s3.errors import S3_ERRORS, explain, is_missing, is_permanent, lacks_operation
from renderq_shared.objects.s3.self_test import list_objects, write_read_delete
from renderq_shared.objects.store import ObjectInfo, SignedUrl
from renderq_shared.s3_url import S3Location

_CHUNK_BYTES = 256 * 1024

_PART_BYTES = 8 * 1024 * 1024
"""Larger objects are uploaded in parallel parts of this size; below it, a second request costs more than it saves."""

_CONCURRENT_PARTS = 4

_TEST_INTERVAL_S = 600.0

_INTERNAL_PREFIX = ".renderq/"
"""Prefix of the store's own objects. No key can have it, because no key segment starts with a dot."""


class S3Store:
    """Object store below a prefix of a bucket. Connects at the first call; thread-safe."""

    def __init__(self, location: S3Location, clients: S3Clients) -> None:
        self._location = location
        self._clients = clients
        self._test_due = 0.0
        """Monotonic time at which `check` writes again."""

    def __str__(self) -> str:
        return str(self._location)

    @property
    def id(self) -> str:
        """Bucket and prefix, without the endpoint, which may differ between the API and workers."""
        return str(self._location)

    def existing_id(self) -> str:
        return self.id

    def check(self) -> None:
        """List below the prefix; write, read and delete an object at first, after a failed upload, and at intervals.

        Not every time, because a versioned bucket keeps every write.
        """
        prefix = self._object_name(_INTERNAL_PREFIX)
        try:
            client = self._client
            list_objects(client, self._location.bucket, prefix)
            if self._test_due <= time.monotonic():
                write_read_delete(client, self._location.bucket, prefix, self._deleter)
                self._test_due = time.monotonic() + _TEST_INTERVAL_S
        except (ObjectStoreUnavailable, ObjectStoreUnsuitable) as error:
            raise type(error)(f"{self}: {error}") from error
        except S3_ERRORS as error:
            error_type = ObjectStoreUnsuitable if is_permanent(error) else ObjectStoreUnavailable
            raise error_type(self._explain(error)) from error

    def put(self, key: str, data: bytes, content_type: str) -> None:
        name = self._object_name(check_key(key))
        check_media_type(key, content_type)
        try:
            with self._translate_errors(key):
                self._put(name, data, content_type)
        except ObjectStoreUnavailable:
            self._test_due = 0.0
            raise

    def info(self, key: str) -> ObjectInfo:
        name = self._object_name(check_key(key))
        with self._translate_errors(key):
            head = self._client.head_object(Bucket=self._location.bucket, Key=name)
        return ObjectInfo(head["ContentLength"], head["ContentType"], head["ETag"].strip('"'))

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        if end is not None and end <= start:  # no range header means "no bytes"
            self.info(key)
            return
        name = self._object_name(check_key(key))
        byte_range = {} if (start, end) == (0, None) else {"Range": f"bytes={start}-{'' if end is None else end - 1}"}
        with self._translate_errors(key):
            response = self._client.get_object(Bucket=self._location.bucket, Key=name, **byte_range)
            with closing(response["Body"]) as body:
                if byte_range and "ContentRange" not in response:
                    raise ObjectStoreUnavailable(f"{self} does not support range requests: it sent all of {key}")
                yield from body.iter_chunks(_CHUNK_BYTES)

    def keys(self, prefix: str) -> Iterator[str]:
        with self._translate_errors():
            for names in self._list_pages(self._object_name(check_prefix(prefix))):
                yield from (key for name in names if is_key(key := name.removeprefix(self._location.prefix)))

    def delete_prefix(self, prefix: str) -> int:
        """Delete the objects. Raises `ObjectStoreUnavailable` also if only some of them could not be deleted."""
        deleted, failures = 0, list[str]()
        with self._translate_errors():
            for names in self._list_pages(self._object_name(check_prefix(prefix))):
                refusals = self._deleter.delete(names)
                deleted += len(names) - len(refusals)
                failures += refusals
        if failures:
            raise ObjectStoreUnavailable(
                f"{self}: {len(failures)} of {deleted + len(failures)} objects below {prefix} could not be deleted, "
                f"first {failures[0]}"
            )
        return deleted

    def signed_url(self, key: str, expires_s: int, disposition: str | None = None) -> SignedUrl:
        """Return a URL for GET. Signed locally: temporary credentials may expire before `expires_s`."""
        expires = int(time.time()) + expires_s
        parameters = {
            "Bucket": self._location.bucket,
            "Key": self._object_name(check_key(key)),
            "ResponseContentType": media_type(key),
            "ResponseContentDisposition": disposition or content_disposition(key),
            "ResponseCacheControl": f"private, max-age={expires_s}, immutable",
        }
        with self._translate_errors(key):
            url = self._signing_client.generate_presigned_url("get_object", parameters, ExpiresIn=expires_s)
        return SignedUrl(url, datetime.fromtimestamp(expires, UTC))

    @cached_property
    def _client(self) -> Any:
        return self._clients.client()

    @cached_property
    def _signing_client(self) -> Any:
        return self._clients.signing_client() if self._clients.public_endpoint else self._client

    @cached_property
    def _deleter(self) -> Deleter:
        return Deleter(self._client, self._location.bucket)

    def _put(self, name: str, data: bytes, content_type: str) -> None:
        """Upload an object, in parts if it is large and the store supports that."""
        place = {"Bucket": self._location.bucket, "Key": name}
        if len(data) > _PART_BYTES:
            try:
                self._client.upload_fileobj(
                    io.BytesIO(data), *place.values(), {"ContentType": content_type}, Config=_multipart_config()
                )
            except ClientError as error:
                if not lacks_operation(error):
                    raise
            else:
                return
        self._client.put_object(**place, Body=data, ContentType=content_type)

    def _object_name(self, key: str) -> str:
        """Return the key in the bucket."""
        return self._location.prefix + key

    def _list_pages(self, prefix: str) -> Iterator[list[str]]:
        """Yield the names that start with `prefix` in pages of at most 1,000, the limit of one deletion."""
        for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._location.bucket, Prefix=prefix):
            if names := [entry["Key"] for entry in page.get("Contents", ())]:
                yield names

    @contextmanager
    def _translate_errors(self, key: str | None = None) -> Generator[None]:
        try:
            yield
        except S3_ERRORS as error:
            if key is not None and is_missing(error):
                raise ObjectNotFound(key) from error
            raise ObjectStoreUnavailable(self._explain(error)) from error

    def _explain(self, error: Exception) -> str:
        return f"{self}: {explain(error)}"


def _multipart_config() -> TransferConfig:
    return TransferConfig(
        multipart_threshold=_PART_BYTES, multipart_chunksize=_PART_BYTES, max_concurrency=_CONCURRENT_PARTS
    )
