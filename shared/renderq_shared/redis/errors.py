"""Translation of redis-py's errors."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager

from redis import exceptions

from renderq_shared.errors import StoreUnavailable

_REFUSALS: Mapping[str, str] = {
    "BUSY": "a script runs for too long",
    "CLUSTERDOWN": "the server belongs to a cluster that is down",
    "LOADING": "the server is still loading its data",
    "MASTERDOWN": "the server is a replica that has lost its primary",
    "MISCONF": "the server cannot write to its disk: look for free space and into its log",
    "NOAUTH": "the server wants a password: add it to RENDERQ_REDIS_URL",
    "NOPERM": "the user of RENDERQ_REDIS_URL lacks a right",
    "NOREPLICAS": "too few replicas are connected: bring them back, or lower min-replicas-to-write",
    "OOM": "the server is full: raise maxmemory, or wait until jobs have ended",
    "READONLY": "the server is a replica: wait for the failover to end, or point RENDERQ_REDIS_URL at the primary",
    "TRYAGAIN": "the server belongs to a cluster that is moving data",
    "UNBLOCKED": "the server has become a replica",
    "WRONGPASS": "the user or the password of RENDERQ_REDIS_URL is wrong",
}
"""Code of an error with which the server refuses a valid command → reason and remedy."""

_UNCODED: Mapping[str, str] = {
    "ACL failure in script": "NOPERM",
    "Script killed by user": "BUSY",
}
"""First words of a refusal whose code is only `ERR` → its code."""


@contextmanager
def translate_errors() -> Generator[None]:
    """Raise `StoreUnavailable` for errors of the server, not of the caller."""
    try:
        yield
    except exceptions.RedisError as error:
        if (code := refusal_code(error)) is not None:
            refusal = f"{_REFUSALS[code]} ({code})"
            raise StoreUnavailable(f"Redis refuses commands: {refusal}: {error}", refusal) from error
        if isinstance(error, exceptions.ConnectionError | exceptions.TimeoutError):
            raise StoreUnavailable(f"Redis does not respond: {error}") from error
        raise


def refusal_code(error: exceptions.RedisError) -> str | None:
    """Return the code of a refusal, such as `NOREPLICAS`; `None` for any other error."""
    # redis-py moves the codes that it knows from the message to an attribute.
    text = str(error)
    code: str = getattr(error, "status_code", None) or text.partition(" ")[0]
    if code in _REFUSALS:
        return code
    return next((code for start, code in _UNCODED.items() if text.startswith(start)), None)
