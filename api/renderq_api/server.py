"""uvicorn server of the app: listening socket, startup, graceful shutdown."""

import asyncio
import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Generator
from types import FrameType

import uvicorn
from fastapi import FastAPI

from renderq_api.app import create_app
from renderq_api.auth import is_loopback
from renderq_api.errors import AddressUnavailable, NotLoopback
from renderq_api.http.request_head_limits import LimitedHttpProtocol
from renderq_shared.access import AsyncKeyStore
from renderq_shared.errors import StoreUnavailable
from renderq_shared.redis.clients import async_client
from renderq_shared.settings import ApiSettings
from renderq_shared.stop_signals import stop_signals
from renderq_shared.tracing import NO_TRACING, Tracing

_BACKLOG = 2048

_SHUTDOWN_S = 5
"""Grace period for running requests. Long polls and event streams end at once."""


class Server(uvicorn.Server):
    """uvicorn server that reports readiness, ends long polls before it stops, and returns after a signal."""

    def __init__(self, app: FastAPI, on_ready: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                # `serve` runs the lifespan itself, so that startup errors reach its caller unchanged.
                lifespan="off",
                http=LimitedHttpProtocol,
                ws="none",
                log_config=None,
                access_log=False,
                # `PublicAddressMiddleware` reads the headers of proxies.
                proxy_headers=False,
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
        self._app.state.services.end_waits()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Handle all stop signals while the server runs. uvicorn handles two, and raises them again at the end."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in stop_signals()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop gracefully; a second Ctrl-C stops at once."""
        self.force_exit = self.force_exit or (self.should_exit and sig == signal.SIGINT)
        self.should_exit = True


async def serve(settings: ApiSettings, on_ready: Callable[[str, Server], None], tracing: Tracing) -> None:
    """Serve until a signal arrives or `should_exit` is set. Calls `on_ready` with the URL once requests are accepted.

    Raises `NotLoopback`, `AddressUnavailable`, and the errors of `create_app`.
    """
    await _require_keys(settings)
    with _listen(settings.host, settings.port) as listener:
        url = _url(listener)
        app = create_app(settings.model_copy(update={"port": listener.getsockname()[1]}), tracing)
        server = Server(app, lambda: on_ready(url, server))
        async with app.router.lifespan_context(app):
            await server.serve([listener])


def run(settings: ApiSettings, on_ready: Callable[[str, Server], None], tracing: Tracing = NO_TRACING) -> None:
    """Run `serve` in a new event loop: uvloop where installed, else asyncio's."""
    loop_factory = uvicorn.Config("", loop="auto", log_config=None).get_loop_factory()
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(serve(settings, on_ready, tracing))


async def _require_keys(settings: ApiSettings) -> None:
    """Raise `NotLoopback` for a host beyond loopback if no key exists and keys are not required.

    Passes if Redis is down: a server that listens beyond loopback requires keys from the start.
    """
    if is_loopback(settings.host) or settings.keys == "required":
        return
    async with async_client(settings.redis_url) as redis:
        with contextlib.suppress(StoreUnavailable):
            keys = await AsyncKeyStore(redis).read(None)
            if not keys.any_live:
                raise NotLoopback(
                    f"cannot listen on {settings.host}: no API key exists, and without keys renderq serves only this "
                    "machine. Create a key with `renderq keys create NAME`, or set RENDERQ_KEYS=required to start "
                    "now and reject all requests until a key exists."
                )


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address, family=family, backlog=_BACKLOG)
    except OSError as error:
        raise AddressUnavailable(
            f"cannot listen on {host}:{port}: {error.strerror}; choose another --port, or 0 for any free port"
        ) from error


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
