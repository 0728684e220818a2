"""redis-py's errors → ours."""

from collections.abc import Generator
from contextlib import contextmanager

from redis import exceptions

from renderq_shared.errors import StoreUnavailable

_AWAY = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.ReadOnlyError,
    exceptions.MasterDownError,
)
"""No answer, a server that is loading, or one that has just become a replica: all pass."""


@contextmanager
def translate_errors() -> Generator[None]:
    """Raise `StoreUnavailable` for what the server, not the caller, is to blame for."""
    try:
        yield
    except exceptions.OutOfMemoryError as error:
        raise StoreUnavailable("Redis is full (maxmemory): raise its limit, or wait until jobs are done") from error
    except _AWAY as error:
        raise StoreUnavailable(f"Redis does not answer: {error}") from error
