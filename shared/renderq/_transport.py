"""Sync and async drivers of flows: all waiting and all I/O of the client."""

import asyncio
import contextlib
import os
import ssl
import time
from collections import deque
from collections.abc import AsyncGenerator, Generator, Iterator
from math import inf
from typing import Any, NoReturn, TypeVar, cast
from weakref import WeakKeyDictionary

import httpx2

from renderq._config import Configuration
from renderq._core.flows import Attempt, Flow, FlowRun, call_retries, perform
from renderq._core.requests import Request
from renderq._core.retries import NEVER, Deadline
from renderq._deadlines import CUT_OFF, DeadlineBackend, network_deadline
from renderq._proxies import Proxy
from renderq._tls import create_tls_context
from renderq.version import version

T = TypeVar("T")

_LIMITS = httpx2.Limits(max_connections=None, max_keepalive_connections=100, keepalive_expiry=5.0)
"""Without a bound: an event stream occupies its connection, and short calls must not wait for one to end."""

_CLOSED = "this client is closed; use it before close(), or inside its `with` block"


class Transport:
    """Drives flows in the calling thread. Thread-safe, and usable in processes forked from this one."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self._options = _client_options()
        self._tls = create_tls_context(os.environ)
        self._clients: dict[tuple[int, Proxy | None], httpx2.Client] = {}
        """Process id and proxy → HTTP client. Processes must not share connections."""
        self._is_closed = False

    def call(self, request: Request[T], deadline: Deadline = NEVER) -> T:
        """Perform one call, with its retries: `max_retries`, or any number until a deadline.

        Raises `ConnectionFailed` and `APIError`.
        """
        return self.run(perform(request, self.configuration, retries=call_retries(self.configuration, deadline)))

    def run(self, flow: Flow[T]) -> T:
        """Drive a flow to its result."""
        flow_run = FlowRun(flow)
        for _ in self._drive(flow_run):
            pass
        return flow_run.result

    def iterate(self, flow: Flow[None], received: deque[T]) -> Generator[T]:
        """Drive a flow and yield what it appends to `received`, as it arrives."""
        with contextlib.closing(self._drive(FlowRun(flow))) as steps:
            for _ in steps:
                while received:
                    yield received.popleft()

    def close(self) -> None:
        self._is_closed = True
        for (process, _), client in self._clients.items():
            if process == os.getpid():
                client.close()

    def __reduce__(self) -> NoReturn:
        raise _not_picklable()

    def _client(self, proxy: Proxy | None) -> httpx2.Client:
        if self._is_closed:
            raise RuntimeError(_CLOSED)
        key = (os.getpid(), proxy)
        if key not in self._clients:
            transport = httpx2.HTTPTransport(**_transport_options(self._tls), proxy=proxy and proxy.url)
            pool = cast(Any, transport)._pool
            pool._network_backend = DeadlineBackend(pool._network_backend)
            self._clients.setdefault(key, httpx2.Client(transport=transport, **self._options))
        return self._clients[key]

    def _drive(self, flow_run: FlowRun[T]) -> Generator[None]:
        """Yield after every response and after every chunk of a stream."""
        while (attempt := flow_run.attempt) is not None:
            time.sleep(attempt.delay)
            try:
                with contextlib.ExitStack() as stack:
                    with network_deadline(attempt.cut_at):
                        response = stack.enter_context(self._client(attempt.proxy).stream(**_request(attempt)))
                    if attempt.on_chunk is not None and attempt.is_stream(response):
                        chunks = response.iter_bytes()
                        while chunk := _next(chunks, attempt.cut_at):
                            is_complete = attempt.on_chunk(chunk)
                            yield
                            if is_complete:
                                break
                    else:
                        with network_deadline(attempt.cut_at):
                            response.read()
            except httpx2.RequestError as error:
                flow_run.fail(error)
            else:
                flow_run.receive(response)
            yield


class AsyncTransport:
    """Drives flows on the running asyncio event loop, which may be another one later."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self._options = _client_options()
        self._tls = create_tls_context(os.environ)
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Proxy | None, httpx2.AsyncClient]]
        self._clients = WeakKeyDictionary()
        """Event loop → proxy → HTTP client. A connection belongs to the loop that opened it."""
        self._is_closed = False

    async def call(self, request: Request[T], deadline: Deadline = NEVER) -> T:
        """Perform one call, with its retries: `max_retries`, or any number until a deadline.

        Raises `ConnectionFailed` and `APIError`.
        """
        return await self.run(perform(request, self.configuration, retries=call_retries(self.configuration, deadline)))

    async def run(self, flow: Flow[T]) -> T:
        """Drive a flow to its result."""
        flow_run = FlowRun(flow)
        async with contextlib.aclosing(self._drive(flow_run)) as steps:
            async for _ in steps:
                pass
        return flow_run.result

    async def iterate(self, flow: Flow[None], received: deque[T]) -> AsyncGenerator[T]:
        """Drive a flow and yield what it appends to `received`, as it arrives."""
        async with contextlib.aclosing(self._drive(FlowRun(flow))) as steps:
            async for _ in steps:
                while received:
                    yield received.popleft()

    async def close(self) -> None:
        self._is_closed = True
        for client in self._clients.pop(asyncio.get_running_loop(), {}).values():
            await client.aclose()

    def __reduce__(self) -> NoReturn:
        raise _not_picklable()

    def _client(self, proxy: Proxy | None) -> httpx2.AsyncClient:
        if self._is_closed:
            raise RuntimeError(_CLOSED)
        clients = self._clients.setdefault(asyncio.get_running_loop(), {})
        if proxy not in clients:
            transport = httpx2.AsyncHTTPTransport(**_transport_options(self._tls), proxy=proxy and proxy.url)
            clients[proxy] = httpx2.AsyncClient(transport=transport, **self._options)
        return clients[proxy]

    async def _drive(self, flow_run: FlowRun[T]) -> AsyncGenerator[None]:
        """Yield after every response and after every chunk of a stream."""
        while (attempt := flow_run.attempt) is not None:
            await asyncio.sleep(attempt.delay)
            try:
                async with contextlib.AsyncExitStack() as stack:
                    async with _timeout_at(attempt.cut_at):
                        response = await stack.enter_async_context(
                            self._client(attempt.proxy).stream(**_request(attempt))
                        )
                    if attempt.on_chunk is not None and attempt.is_stream(response):
                        async with contextlib.aclosing(response.aiter_bytes()) as chunks:
                            while chunk := await _next_async(chunks, attempt.cut_at):
                                is_complete = attempt.on_chunk(chunk)
                                yield
                                if is_complete:
                                    break
                    else:
                        async with _timeout_at(attempt.cut_at):
                            await response.aread()
            except httpx2.RequestError as error:
                flow_run.fail(error)
            else:
                flow_run.receive(response)
            yield


def _client_options() -> dict[str, Any]:
    """Return the arguments of an HTTP client, which itself reads nothing from the environment."""
    return {"headers": {"User-Agent": f"renderq/{version()}"}, "trust_env": False}


def _transport_options(tls: ssl.SSLContext) -> dict[str, Any]:
    return {"verify": tls, "trust_env": False, "limits": _LIMITS}


def _not_picklable() -> TypeError:
    return TypeError("a client has connections and cannot be pickled; create one in each process, and pass job ids")


def _request(attempt: Attempt) -> dict[str, Any]:
    return {
        "method": attempt.method,
        "url": attempt.url,
        "headers": attempt.headers,
        "json": attempt.body,
        "files": None if attempt.file is None else {"file": attempt.file},
        "timeout": attempt.timeout,
    }


def _next(chunks: Iterator[bytes], cut_at: float) -> bytes:
    """Return the next chunk; empty at the end. Raises `httpx2.RequestError`, also at `cut_at`."""
    with network_deadline(cut_at):
        return next(chunks, b"")


async def _next_async(chunks: AsyncGenerator[bytes], cut_at: float) -> bytes:
    """Return the next chunk; empty at the end. Raises `httpx2.RequestError`, also at `cut_at`."""
    async with _timeout_at(cut_at):
        return await anext(chunks, b"")


@contextlib.asynccontextmanager
async def _timeout_at(cut_at: float) -> AsyncGenerator[None]:
    """Raise `httpx2.ReadTimeout` at `cut_at`."""
    try:
        async with asyncio.timeout(None if cut_at == inf else cut_at - time.monotonic()):
            yield
    except TimeoutError:
        raise httpx2.ReadTimeout(CUT_OFF) from None
