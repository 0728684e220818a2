"""Sync and async drivers of flows: all waiting and all I/O of the client."""

import asyncio
import contextlib
import socket
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, Generator
from math import inf
from typing import Any, TypeVar

import httpx2

from renderq._config import Configuration
from renderq._core.flows import Attempt, Flow, FlowRun, perform
from renderq._core.requests import Request
from renderq._core.responses import is_event_stream
from renderq.version import version

T = TypeVar("T")


def _user_agent() -> dict[str, str]:
    return {"User-Agent": f"renderq/{version()}"}


class Transport:
    """Drives flows in the calling thread. Thread-safe."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self._http = httpx2.Client(headers=_user_agent())

    def call(self, request: Request[T]) -> T:
        """Perform one call, with its retries. Raises `ConnectionFailed` and `APIError`."""
        return self.run(perform(request, self.configuration))

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
        self._http.close()

    def _drive(self, flow_run: FlowRun[T]) -> Generator[None]:
        """Yield after every response and after every chunk of a stream."""
        while (attempt := flow_run.attempt) is not None:
            time.sleep(attempt.delay)
            try:
                with self._http.stream(**_request(attempt)) as response:
                    if attempt.on_chunk is not None and is_event_stream(response):
                        with _cut(response, attempt.cut_at):
                            for chunk in response.iter_bytes():
                                is_complete = attempt.on_chunk(chunk)
                                yield
                                if is_complete:
                                    break
                    else:
                        response.read()
            except httpx2.RequestError as error:
                flow_run.fail(error)
            else:
                flow_run.receive(response)
            yield


class AsyncTransport:
    """Drives flows on the running asyncio event loop."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self._http = httpx2.AsyncClient(headers=_user_agent())

    async def call(self, request: Request[T]) -> T:
        """Perform one call, with its retries. Raises `ConnectionFailed` and `APIError`."""
        return await self.run(perform(request, self.configuration))

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
        await self._http.aclose()

    async def _drive(self, flow_run: FlowRun[T]) -> AsyncGenerator[None]:
        """Yield after every response and after every chunk of a stream."""
        while (attempt := flow_run.attempt) is not None:
            await asyncio.sleep(attempt.delay)
            try:
                async with self._http.stream(**_request(attempt)) as response:
                    if attempt.on_chunk is not None and is_event_stream(response):
                        async with contextlib.aclosing(response.aiter_bytes()) as chunks:
                            while chunk := await _next(chunks, attempt.cut_at):
                                is_complete = attempt.on_chunk(chunk)
                                yield
                                if is_complete:
                                    break
                    else:
                        await response.aread()
            except httpx2.RequestError as error:
                flow_run.fail(error)
            else:
                flow_run.receive(response)
            yield


def _request(attempt: Attempt) -> dict[str, Any]:
    return {
        "method": attempt.method,
        "url": attempt.url,
        "headers": attempt.headers,
        "json": attempt.body,
        "files": None if attempt.file is None else {"file": attempt.file},
        "timeout": attempt.timeout,
    }


@contextlib.contextmanager
def _cut(response: httpx2.Response, cut_at: float) -> Generator[None]:
    """Shut the connection down at `cut_at`: nothing else interrupts a thread that waits for bytes."""
    if cut_at == inf:
        yield
        return
    timer = threading.Timer(max(0.0, cut_at - time.monotonic()), _shut_down, [response])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _shut_down(response: httpx2.Response) -> None:
    with contextlib.suppress(OSError):
        response.extensions["network_stream"].get_extra_info("socket").shutdown(socket.SHUT_RDWR)


async def _next(chunks: AsyncGenerator[bytes], cut_at: float) -> bytes:
    """Return the next chunk; empty at the end. Raises `httpx2.RequestError`, also at `cut_at`."""
    try:
        async with asyncio.timeout(None if cut_at == inf else cut_at - time.monotonic()):
            return await anext(chunks, b"")
    except TimeoutError:
        raise httpx2.ReadTimeout("the stream was cut off at its deadline") from None
