"""DNS resolver for client-supplied host names; slow lookups block nothing else."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

from renderq_api.egress.address_policy import Address, EgressDenied

_MAX_LOOKUPS = 256
"""Concurrent lookups."""


class Resolver:
    """The system's resolver. Also normalizes every notation of an IP address (`0x7f.1`, `2130706433`).

    A lookup at an unresponsive name server takes half a minute and cannot be canceled. So each lookup runs in a daemon
    thread of its own, which blocks neither the event loop's small thread pool nor the end of the process.
    """

    def __init__(self, look_up: Callable[..., list[Any]] = socket.getaddrinfo) -> None:
        self._look_up = look_up
        self._free = asyncio.Semaphore(_MAX_LOOKUPS)

    async def __call__(self, host: str, port: int) -> list[Address]:
        """Return the host's addresses, the preferred one first. Raises `EgressDenied` if the name does not resolve."""
        await self._free.acquire()
        loop = asyncio.get_running_loop()
        result: asyncio.Future[list[Address] | None] = loop.create_future()

        def finish(addresses: list[Address] | None) -> None:
            self._free.release()
            if not result.done():
                result.set_result(addresses)

        def run() -> None:
            addresses = self._addresses(host, port)
            with contextlib.suppress(RuntimeError):  # the event loop is closed
                loop.call_soon_threadsafe(finish, addresses)

        threading.Thread(target=run, name="name-lookup", daemon=True).start()
        if (addresses := await result) is None:
            raise EgressDenied("the host name cannot be resolved")
        return addresses

    def _addresses(self, host: str, port: int) -> list[Address] | None:
        try:
            return [ip_address(entry[4][0]) for entry in self._look_up(host, port, type=socket.SOCK_STREAM)]
        except (OSError, ValueError):
            return None
