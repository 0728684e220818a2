"""Deletion of objects: many per request, or one per request in stores that refuse that."""

from collections.abc import Iterable, Sequence
from typing import Any

import structlog
from botocore.exceptions import ClientError

from renderq_shared.errors import ObjectStoreUnsuitable
from renderq_shared.objects.s3.errors import error_code, is_missing, lacks_operation

log = structlog.get_logger(__name__)


class Deleter:
    """Deletes objects of a bucket, and remembers whether the store deletes many per request."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket
        self._one_by_one = False

    def delete(self, names: Sequence[str]) -> list[str]:
        """Delete at most 1,000 objects. Returns those that could not be deleted, as `name (error code)`."""
        if self._one_by_one:
            return self._delete_each(names)
        request = {"Objects": [{"Key": name} for name in names], "Quiet": True}
        try:
            response = self._client.delete_objects(Bucket=self._bucket, Delete=request)
        except ClientError as error:
            if not lacks_operation(error):
                raise
            self._delete_one(names[0])  # also raises if this key may not delete at all
            self._remember(str(error_code(error)))
            return self._delete_each(names[1:])
        return [f"{error['Key']} ({error.get('Code', 'unknown')})" for error in response.get("Errors", ())]

    def verify(self, name: str) -> None:
        """Delete an object and find out how this store deletes: some answer with success and delete nothing.

        Raises `ClientError` and `ObjectStoreUnsuitable`.
        """
        refusals = self.delete([name])
        if not self._exists(name):
            return
        self._delete_one(name)
        if self._exists(name):
            raise ObjectStoreUnsuitable("objects cannot be deleted: the store answers with success and keeps them")
        self._remember(refusals[0] if refusals else "the objects stay")

    def _remember(self, reason: str) -> None:
        if not self._one_by_one:
            log.info("objects.deleted_one_by_one", reason=reason)
        self._one_by_one = True

    def _delete_each(self, names: Iterable[str]) -> list[str]:
        """Delete one per request. One refusal does not stop the others."""
        refusals: list[str] = []
        for name in names:
            try:
                self._delete_one(name)
            except ClientError as error:
                refusals.append(f"{name} ({error_code(error)})")
        return refusals

    def _delete_one(self, name: str) -> None:
        try:
            self._client.delete_object(Bucket=self._bucket, Key=name)
        except ClientError as error:
            if not is_missing(error):
                raise

    def _exists(self, name: str) -> bool:
        try:
            self._client.head_object(Bucket=self._bucket, Key=name)
        except ClientError as error:
            if is_missing(error):
                return False
            raise
        return True
