"""Protocol of object stores: a flat namespace of keys, for bytes that are written once and read often."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    size_bytes: int
    content_type: str
    etag: str


@dataclass(frozen=True, slots=True)
class SignedUrl:
    url: str
    """Absolute for S3; for a folder, a path relative to the API's base URL."""
    expires_at: datetime


class ObjectStore(Protocol):
    """Object storage. Keys are relative POSIX paths such as `jobs/{id}/{claim}/{index}.png`.

    Every method raises `ObjectStoreUnavailable` when the store does not respond, and `ObjectNotFound` for an unknown
    key. Methods block, so an event loop must call them in threads. Thread-safe. `str` is for messages.
    """

    @property
    def id(self) -> str:
        """Identifier that two processes share if and only if they use the same store. Created if it is missing."""
        ...

    def existing_id(self) -> str | None:
        """Return the id; `None` if no process has created it."""
        ...

    def check(self) -> None:
        """Verify that the store can be used.

        Raises `ObjectStoreUnavailable` for a transient problem, and `ObjectStoreUnsuitable` for one that needs a change
        of settings, permissions or the store.
        """
        ...

    def put(self, key: str, data: bytes, content_type: str) -> None:
        """Write an object atomically; it is durable and visible on return.

        Raises `ValueError` if the key's extension implies another content type.
        """
        ...

    def info(self, key: str) -> ObjectInfo: ...

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Yield the bytes of [`start`, `end`) in chunks; both must lie within the object."""
        ...

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield every key that starts with `prefix`, which must end with a slash.

        Unordered. Keys that are added or deleted during the iteration may be missed.
        """
        ...

    def delete_prefix(self, prefix: str) -> int:
        """Delete every object whose key starts with `prefix`, which must end with a slash; return their number."""
        ...

    def signed_url(self, key: str, expires_s: int, disposition: str | None = None) -> SignedUrl:
        """Return a URL that needs no credentials and expires in `expires_s` seconds.

        `disposition`: value of the response's `Content-Disposition`; default: `content_disposition`.
        """
        ...
