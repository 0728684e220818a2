"""Translation of redis-py's errors."""

from collections.abc import Generator
from contextlib import contextmanager

from redis import exceptions

from renderq_shared.errors import StoreUnavailable

_UNAVAILABLE = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.ReadOnlyError,
    exceptions.MasterDownError,
)
"""Transient errors: no response, a server that is loading, or one that has just become a replica."""


@contextmanager
def translate_errors() -> Generator[None]:
    """Raise `StoreUnavailable` for errors of the server, not of the caller."""
    try:
        yield
    except exceptions.OutOfMemoryError as error:
        raise StoreUnavailable("Redis is full (maxmemory): raise its limit, or wait until jobs have ended") from error
    except _UNAVAILABLE as error:
        raise StoreUnavailable(f"Redis does not respond: {error}") from error
