"""The two drivers of flows: they wait, send, and hand back what came. Nothing here knows what a job is."""

import asyncio
import time
from typing import TypeVar

import httpx2

from renderq.configuration import Configuration
from renderq.core.calls import Call
from renderq.core.flows import Attempt, Flow, perform
from renderq.version import version

T = TypeVar("T")


def _user_agent() -> dict[str, str]:
    return {"User-Agent": f"renderq/{version()}"}


class Transport:
    """Drives flows in the calling thread; may be shared between threads."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self._http = httpx2.Client(headers=_user_agent())

    def call(self, call: Call[T]) -> T:
        """Perform one call, with its retries. Raises `ConnectionFailed` and `APIError`."""
        return self.run(perform(call, self.configuration))

    def run(self, flow: Flow[T]) -> T:
        """Drive a flow to its result."""
        try:
            attempt = next(flow)
            while True:
                time.sleep(attempt.delay)
                try:
                    response = self._send(attempt)
                except httpx2.RequestError as error:
                    attempt = flow.throw(error)
                else:
                    attempt = flow.send(response)
        except StopIteration as end:
            return end.value

    def close(self) -> None:
        self._http.close()

    def _send(self, attempt: Attempt) -> httpx2.Response:
        return self._http.request(
            attempt.method, attempt.url, headers=attempt.headers, json=attempt.body, timeout=attempt.timeout
        )


class AsyncTransport:
    """Drives flows on the running asyncio event loop."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self._http = httpx2.AsyncClient(headers=_user_agent())

    async def call(self, call: Call[T]) -> T:
        """Perform one call, with its retries. Raises `ConnectionFailed` and `APIError`."""
        return await self.run(perform(call, self.configuration))

    async def run(self, flow: Flow[T]) -> T:
        """Drive a flow to its result."""
        try:
            attempt = next(flow)
            while True:
                await asyncio.sleep(attempt.delay)
                try:
                    response = await self._send(attempt)
                except httpx2.RequestError as error:
                    attempt = flow.throw(error)
                else:
                    attempt = flow.send(response)
        except StopIteration as end:
            return end.value

    async def close(self) -> None:
        await self._http.aclose()

    async def _send(self, attempt: Attempt) -> httpx2.Response:
        return await self._http.request(
            attempt.method, attempt.url, headers=attempt.headers, json=attempt.body, timeout=attempt.timeout
        )
