"""Deadlines of blocking network operations.

A timeout of a socket holds for one operation, so a server that sends byte by byte never exceeds it. Connections made by
`DeadlineBackend` shorten every operation so that all of them together end at the deadline of their thread.
"""

import contextlib
import threading
import time
from collections.abc import Generator
from math import inf
from typing import Any

import httpx2

CUT_OFF = "the response was not complete at the deadline"

_thread = threading.local()


@contextlib.contextmanager
def network_deadline(at: float) -> Generator[None]:
    """Set the deadline of this thread's network operations, as monotonic time, until the block ends."""
    before = _deadline()
    _thread.at = at
    try:
        yield
    finally:
        _thread.at = before


class DeadlineBackend:
    """A network backend of httpcore2 whose operations raise `httpx2.ReadTimeout` at the deadline of their thread."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend

    def connect_tcp(self, host: str, port: int, timeout: float | None = None, **options: Any) -> "_DeadlineStream":
        with _limited(timeout) as limit:
            return _DeadlineStream(self._backend.connect_tcp(host, port, limit, **options))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)


class _DeadlineStream:
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with _limited(timeout) as limit:
            return self._stream.read(max_bytes, limit)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        with _limited(timeout) as limit:
            self._stream.write(buffer, limit)

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> "_DeadlineStream":
        with _limited(timeout) as limit:
            return _DeadlineStream(self._stream.start_tls(ssl_context, server_hostname, limit))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def _limited(timeout: float | None) -> Generator[float | None]:
    """Yield the timeout of one operation in seconds."""
    at = _deadline()
    if at == inf:
        yield timeout
        return
    remaining = at - time.monotonic()
    if remaining <= 0:
        raise httpx2.ReadTimeout(CUT_OFF)
    try:
        yield remaining if timeout is None else min(timeout, remaining)
    except Exception as error:
        if time.monotonic() >= at:
            raise httpx2.ReadTimeout(CUT_OFF) from error
        raise


def _deadline() -> float:
    return getattr(_thread, "at", inf)
