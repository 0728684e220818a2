"""Looking up host names that clients chose, without making anybody else wait."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

from renderq_api.egress.addresses import Address, EgressDenied

_AT_ONCE = 256


class Resolver:
    """As this machine resolves names. Turns every spelling of an IP address (`0x7f.1`, `2130706433`) into it, too.

    A name server that does not answer takes half a minute, and nothing ends that. So each lookup has a thread of its
    own, which holds up neither other work (an event loop's threads for lookups are few) nor the end of the process.
    """

    def __init__(self, look_up: Callable[..., list[Any]] = socket.getaddrinfo) -> None:
        self._look_up = look_up
        self._free = asyncio.Semaphore(_AT_ONCE)

    async def __call__(self, host: str, port: int) -> list[Address]:
        """The preferred address first. Raises `EgressDenied` for a name that does not exist."""
        await self._free.acquire()
        loop = asyncio.get_running_loop()
        found: asyncio.Future[list[Address] | None] = loop.create_future()

        def answer(addresses: list[Address] | None) -> None:
            self._free.release()
            if not found.done():
                found.set_result(addresses)

        def run() -> None:
            addresses = self._addresses(host, port)
            with contextlib.suppress(RuntimeError):  # nobody is left to tell
                loop.call_soon_threadsafe(answer, addresses)

        threading.Thread(target=run, name="name-lookup", daemon=True).start()
        if (addresses := await found) is None:
            raise EgressDenied("the host name cannot be resolved")
        return addresses

    def _addresses(self, host: str, port: int) -> list[Address] | None:
        try:
            return [ip_address(entry[4][0]) for entry in self._look_up(host, port, type=socket.SOCK_STREAM)]
        except (OSError, ValueError):
            return None
