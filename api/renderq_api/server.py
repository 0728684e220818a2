"""uvicorn around the app: where it listens, and how it stops."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn
from fastapi import FastAPI

from renderq_api.app import create_app
from renderq_api.auth.loopback import is_loopback
from renderq_api.errors import AddressUnavailable, NotLoopback
from renderq_api.http.limits import LimitedHttpProtocol
from renderq_shared.access import AsyncKeyStore
from renderq_shared.errors import StoreUnavailable
from renderq_shared.redis.clients import async_client
from renderq_shared.settings.models import ApiSettings

_BACKLOG = 2048

_SHUTDOWN_S = 5
"""Requests may finish for this long. Long polls end at once."""


class Server(uvicorn.Server):
    """Tells when it is ready, lets long polls answer before it stops, and returns instead of dying of the signal."""

    def __init__(self, app: FastAPI, on_ready: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                # `serve` opens and closes the app around us, so that its errors reach the caller as they are.
                lifespan="off",
                http=LimitedHttpProtocol,
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=_SHUTDOWN_S,
            )
        )
        self._app = app
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.state.services.job_watchers.close()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A second Ctrl-C does not wait for anybody."""
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True


async def serve(settings: ApiSettings, on_ready: Callable[[str, Server], None]) -> None:
    """Serve until a signal comes or `should_exit` is set. `on_ready` is told the service's address.

    Raises `NotLoopback`, `AddressUnavailable`, and what `create_app` raises.
    """
    await _require_keys(settings)
    with _listen(settings.host, settings.port) as listener:
        url = _url(listener)
        app = create_app(settings.model_copy(update={"port": listener.getsockname()[1]}))
        server = Server(app, lambda: on_ready(url, server))
        async with app.router.lifespan_context(app):
            await server.serve([listener])


def run(settings: ApiSettings, on_ready: Callable[[str, Server], None]) -> None:
    """`serve` in an event loop of its own: uvloop's where there is one."""
    loop_factory = uvicorn.Config("", loop="auto", log_config=None).get_loop_factory()
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(serve(settings, on_ready))


async def _require_keys(settings: ApiSettings) -> None:
    """Raises `NotLoopback` if others could come in and nobody has a key.

    A Redis that is away is no reason: whoever listens beyond loopback asks for keys from the start.
    """
    if is_loopback(settings.host) or settings.keys == "required":
        return
    async with async_client(settings.redis_url) as redis:
        with contextlib.suppress(StoreUnavailable):
            found = await AsyncKeyStore(redis).read(None)
            if not found.any_live:
                raise NotLoopback(
                    f"there are no keys, and without keys renderq serves this machine only, not {settings.host}: "
                    "whoever reached it could use it. Make one with `renderq keys create NAME`, or set "
                    "RENDERQ_KEYS=required to start without: nobody is let in until there is one."
                )


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address, family=family, backlog=_BACKLOG)
    except OSError as error:
        raise AddressUnavailable(
            f"cannot listen on {host}:{port}: {error.strerror}; choose another --port, or 0 for a free one"
        ) from error


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
