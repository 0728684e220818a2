"""Where pictures live: a flat space of keys under which bytes are written once and read often."""

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
    """Absolute for stores with an address of their own; for a folder a path below the API's address."""
    expires_at: datetime


class ObjectStore(Protocol):
    """Object storage. Keys are relative POSIX paths such as `jobs/{id}/{claim}/{index}.png`.

    Raises `ObjectStoreUnavailable` when the store does not answer and `ObjectNotFound` for unknown keys. Blocks, so
    that an event loop calls it in threads; thread-safe. `str` names it for people.
    """

    @property
    def id(self) -> str:
        """What two processes have in common if and only if they see the same store."""
        ...

    def check(self) -> None:
        """Make sure that the store can be used.

        Raises `ObjectStoreUnavailable` for what passes, and `ObjectStoreUnsuitable` for what somebody has to change.
        """
        ...

    def put(self, key: str, data: bytes, content_type: str) -> None:
        """Write an object whole; it is durable and visible when this returns.

        Raises `ValueError` where the key's extension says another content type.
        """
        ...

    def info(self, key: str) -> ObjectInfo: ...

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes from `start` up to and without `end`, in chunks; both lie within the object."""
        ...

    def keys(self, prefix: str) -> Iterator[str]:
        """Every key that starts with `prefix` (which ends with a slash), in no order; what comes and goes meanwhile
        may be missed."""
        ...

    def delete_prefix(self, prefix: str) -> int:
        """Remove every object whose key starts with `prefix` (which ends with a slash); the number removed."""
        ...

    def signed_url(self, key: str, expires_s: int) -> SignedUrl:
        """An address that works without credentials until it expires, `expires_s` seconds from now."""
        ...
