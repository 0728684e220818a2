"""Translation of redis-py's errors."""

import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager

from redis import exceptions

from renderq_shared.errors import StoreUnavailable, StoreUnsuitable

_OVERWRITTEN = "has a value that renderq did not write: rename or delete it"

_CLUSTER = "the server belongs to a cluster: point RENDERQ_REDIS_URL at a single primary"

_UNKNOWN = "the server, or a proxy before it, has a reason that renderq does not know"

_REFUSALS: Mapping[str, str] = {
    "ASK": _CLUSTER,
    "BUSY": "a script runs for too long",
    "CLUSTERDOWN": "the server belongs to a cluster that is down",
    "CROSSSLOT": _CLUSTER,
    "DENIED": "the server is in protected mode: it has no password and accepts only its own machine",
    "LOADING": "the server is still loading its data",
    "MASTERDOWN": "the server is a replica that has lost its primary",
    "MAXCLIENTS": "the server has no free connection: raise maxclients, or stop other clients",
    "MISCONF": "the server cannot write to its disk: look for free space and into its log",
    "MOVED": _CLUSTER,
    "NOAUTH": "the server wants a password: add it to RENDERQ_REDIS_URL",
    "NOPERM": "the user of RENDERQ_REDIS_URL lacks a right",
    "NOREPLICAS": "too few replicas are connected: bring them back, or lower min-replicas-to-write",
    "OOM": "the server is full: raise maxmemory, or wait until jobs have ended",
    "READONLY": "the server is a replica: wait for the failover to end, or point RENDERQ_REDIS_URL at the primary",
    "REDIRECT": "the server is a replica: point RENDERQ_REDIS_URL at the primary",
    "TRYAGAIN": "the server belongs to a cluster that is moving data",
    "UNBLOCKED": "the server has become a replica",
    "WAITAOF": "its disk did not sync the job in time: set appendfsync to always",
    "WRONGPASS": "the user or the password of RENDERQ_REDIS_URL is wrong",
    "WRONGTYPE": f"a key {_OVERWRITTEN}",
}
"""Code of an error with which the server refuses a valid command → reason and remedy."""

_UNCODED: Mapping[str, str] = {
    "ACL failure in script": "NOPERM",
    "Attempted to access a non local key in a cluster": "CROSSSLOT",
    "Script attempted to access": "CROSSSLOT",  # a non local key, or keys that do not hash to the same slot
    "Script killed by user": "BUSY",
    "max number of clients": "MAXCLIENTS",
}
"""First words of a refusal whose code is only `ERR` → its code."""

_CODE = re.compile(r"[A-Z]{4,}")
_ERRORS_OF_OURS = frozenset({"EXECABORT", "NOSCRIPT"})
"""Codes of errors that a caller handles or has made; waiting does not mend them."""

_KIND_OF_KEY = re.compile(r"WRONGTYPE ((?:rq:|renderq\.)\S+) ")
"""Our scripts name the kind of a key of the wrong type."""


@contextmanager
def translate_errors(key: str | None = None) -> Generator[None]:
    """Raise `StoreUnavailable` for errors of the server, not of the caller.

    `key`: the kind of key that the commands use, for a message about its type. Scripts name the kind themselves.
    Raises `StoreUnsuitable` if the server does not have the URL's database.
    """
    try:
        yield
    except exceptions.RedisError as error:
        if "DB index is out of range" in str(error):
            raise StoreUnsuitable(
                "RENDERQ_REDIS_URL names a database that the server does not have: use a lower number (servers have 0 "
                "to 15 by default), or raise `databases` in the server's configuration"
            ) from error
        if (code := refusal_code(error)) is not None:
            kind = _overwritten_key(str(error), key) if code == "WRONGTYPE" else None
            reason = _REFUSALS.get(code, _UNKNOWN) if kind is None else f"a key of the kind {kind} {_OVERWRITTEN}"
            refusal = f"{reason} ({code})"
            raise StoreUnavailable(f"Redis refuses commands: {refusal}: {error}", refusal, kind) from error
        if isinstance(error, exceptions.ConnectionError | exceptions.TimeoutError):
            raise StoreUnavailable(f"Redis does not respond: {error}") from error
        raise


def _overwritten_key(text: str, key: str | None) -> str | None:
    """Return the kind of key that an error of a script names, else `key`."""
    named = _KIND_OF_KEY.match(text)
    return named[1] if named else key


def refusal_code(error: exceptions.RedisError) -> str | None:
    """Return the code of a refusal, such as `NOREPLICAS`; `None` for any other error.

    Servers and proxies have codes that are not listed here. An invalid command has the code `ERR`.
    """
    # redis-py moves the codes that it knows from the message to an attribute.
    text = str(error)
    code: str = getattr(error, "status_code", None) or text.partition(" ")[0]
    if code in _REFUSALS:
        return code
    if isinstance(error, exceptions.ResponseError) and _CODE.fullmatch(code) and code not in _ERRORS_OF_OURS:
        return code
    return next((code for start, code in _UNCODED.items() if text.startswith(start)), None)
