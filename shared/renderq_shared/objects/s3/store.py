"""S3, Amazon's or another's, as object store: for services on several machines."""

import io
import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from boto3.s3.transfer import TransferConfig

from renderq_shared.errors import ObjectNotFound, ObjectStoreUnavailable, ObjectStoreUnsuitable
from renderq_shared.objects.keys import check_key, check_prefix, is_key
from renderq_shared.objects.media_types import check_media_type, content_disposition, media_type
from renderq_shared.objects.s3.client import S3Clients
from renderq_shared.objects.s3.errors import S3_ERRORS, explain, is_missing, is_permanent
from renderq_shared.objects.store import ObjectInfo, SignedUrl
from renderq_shared.s3_url import S3Location

_CHUNK_BYTES = 256 * 1024

_PART_BYTES = 8 * 1024 * 1024
"""Larger objects go up in parts of this size, side by side; below it a second request costs more than it saves."""

_PARTS_AT_ONCE = 4

_PRIVATE = ".renderq/"
"""Holds what is ours; no key can name it, because no segment of a key starts with a dot."""


class S3Store:
    """Objects in a bucket, below a prefix. Makes no request before the first call; thread-safe."""

    def __init__(self, place: S3Location, clients: S3Clients) -> None:
        self._place = place
        self._clients = clients
        self._written = False

    def __str__(self) -> str:
        return str(self._place)

    @property
    def id(self) -> str:
        """Bucket and prefix: API and workers may reach the same store under different addresses."""
        return str(self._place)

    def check(self) -> None:
        """List below the prefix, and once write there: a bucket that keeps versions would keep every check."""
        try:
            self._client.list_objects_v2(Bucket=self._place.bucket, Prefix=self._name(_PRIVATE), MaxKeys=1)
            if not self._written:
                self._client.put_object(Bucket=self._place.bucket, Key=self._name(f"{_PRIVATE}last-check"), Body=b"")
                self._written = True
        except S3_ERRORS as error:
            fault = ObjectStoreUnsuitable if is_permanent(error) else ObjectStoreUnavailable
            raise fault(self._explained(error)) from error

    def put(self, key: str, data: bytes, content_type: str) -> None:
        name = self._name(check_key(key))
        check_media_type(key, content_type)
        with self._translated(key):
            if len(data) <= _PART_BYTES:
                self._client.put_object(Bucket=self._place.bucket, Key=name, Body=data, ContentType=content_type)
            else:
                self._client.upload_fileobj(
                    io.BytesIO(data), self._place.bucket, name, {"ContentType": content_type}, Config=_in_parts()
                )

    def info(self, key: str) -> ObjectInfo:
        name = self._name(check_key(key))
        with self._translated(key):
            head = self._client.head_object(Bucket=self._place.bucket, Key=name)
        return ObjectInfo(head["ContentLength"], head["ContentType"], head["ETag"].strip('"'))

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        if end is not None and end <= start:  # no range header says "nothing"
            self.info(key)
            return
        name = self._name(check_key(key))
        wanted = {} if (start, end) == (0, None) else {"Range": f"bytes={start}-{'' if end is None else end - 1}"}
        with self._translated(key):
            answer = self._client.get_object(Bucket=self._place.bucket, Key=name, **wanted)
            with closing(answer["Body"]) as body:
                if wanted and "ContentRange" not in answer:
                    raise ObjectStoreUnavailable(f"{self} ignores ranges: it sent all of {key}")
                yield from body.iter_chunks(_CHUNK_BYTES)

    def keys(self, prefix: str) -> Iterator[str]:
        with self._translated():
            for names in self._listed(self._name(check_prefix(prefix))):
                yield from (key for name in names if is_key(key := name.removeprefix(self._place.prefix)))

    def delete_prefix(self, prefix: str) -> int:
        """Raises `ObjectStoreUnavailable` also if only some objects could not be removed."""
        deleted, refused = 0, list[str]()
        with self._translated():
            for names in self._listed(self._name(check_prefix(prefix))):
                objects = [{"Key": name} for name in names]
                answer = self._client.delete_objects(
                    Bucket=self._place.bucket, Delete={"Objects": objects, "Quiet": True}
                )
                errors = [f"{error['Key']} ({error.get('Code', 'unknown')})" for error in answer.get("Errors", ())]
                deleted += len(names) - len(errors)
                refused += errors
        if refused:
            raise ObjectStoreUnavailable(
                f"{self}: {len(refused)} of {deleted + len(refused)} objects below {prefix} could not be removed, "
                f"first {refused[0]}"
            )
        return deleted

    def signed_url(self, key: str, expires_s: int) -> SignedUrl:
        """Works for GET. Signed here, without asking the store: temporary credentials may end before `expires_s`."""
        expires = int(time.time()) + expires_s
        parameters = {
            "Bucket": self._place.bucket,
            "Key": self._name(check_key(key)),
            "ResponseContentType": media_type(key),
            "ResponseContentDisposition": content_disposition(key),
            "ResponseCacheControl": f"private, max-age={expires_s}, immutable",
        }
        with self._translated(key):
            url = self._signing_client.generate_presigned_url("get_object", parameters, ExpiresIn=expires_s)
        return SignedUrl(url, datetime.fromtimestamp(expires, UTC))

    @cached_property
    def _client(self) -> Any:
        return self._clients.client()

    @cached_property
    def _signing_client(self) -> Any:
        return self._clients.signing_client() if self._clients.public_endpoint else self._client

    def _name(self, key: str) -> str:
        """The key in the bucket."""
        return self._place.prefix + key

    def _listed(self, prefix: str) -> Iterator[list[str]]:
        """All names that start with `prefix`, in pages of at most 1,000, as many as one deletion takes."""
        for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._place.bucket, Prefix=prefix):
            if names := [found["Key"] for found in page.get("Contents", ())]:
                yield names

    @contextmanager
    def _translated(self, key: str | None = None) -> Generator[None]:
        try:
            yield
        except S3_ERRORS as error:
            if key is not None and is_missing(error):
                raise ObjectNotFound(key) from error
            raise ObjectStoreUnavailable(self._explained(error)) from error

    def _explained(self, error: Exception) -> str:
        return f"{self}: {explain(error)}"


def _in_parts() -> TransferConfig:
    return TransferConfig(
        multipart_threshold=_PART_BYTES, multipart_chunksize=_PART_BYTES, max_concurrency=_PARTS_AT_ONCE
    )
