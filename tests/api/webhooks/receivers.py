"""Webhook receivers: a scripted HTTP server, and a raw socket server that misbehaves."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Response = tuple[int, dict[str, str]]


@dataclass
class WebhookReceiver:
    """Sends the next scripted response to each POST, then 204. While `hold` is clear, requests wait."""

    url: str = ""
    responses: list[Response] = field(default_factory=list)
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    hold: threading.Event = field(default_factory=threading.Event)

    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.received]

    def bodies(self) -> list[bytes]:
        return [body for _, body in self.received]

    def respond(self, headers: dict[str, str], body: bytes) -> Response:
        response = self.responses.pop(0) if self.responses else (204, {})
        self.received.append((headers, body))
        self.hold.wait(60)
        return response


@contextmanager
def webhook_receiver(port: int = 0) -> Iterator[WebhookReceiver]:
    """Run a receiver on this port, or a free one, at every loopback address."""
    receiver = WebhookReceiver()
    receiver.hold.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, headers = receiver.respond(dict(self.headers), body)
            with suppress(OSError):  # the client may have disconnected
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("0.0.0.0", port), Handler)
    server.daemon_threads = True
    receiver.url = f"http://127.0.0.1:{server.server_port}/hooks"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.hold.set()
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def unresponsive_port() -> Iterator[int]:
    """Yield a port where connections start but are never accepted."""
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for filler in (first, second):
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


Behavior = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def misbehaving_server(behavior: Behavior) -> AsyncIterator[int]:
    """Run a server that handles every connection with `behavior`; yield its port."""
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                await behavior(reader, writer)
            writer.close()
            await writer.wait_closed()
        finally:
            writer.transport.abort()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.create_task(handle(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
