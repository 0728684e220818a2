"""HTTPS server with images and with the misbehavior of broken or hostile servers."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.api.assets.image_files import image_file
from tests.tls import self_signed, server_context

IMAGE_FILE = image_file("JPEG", 64, 48)


@dataclass
class ImageServer:
    """`/good` serves an image; each other path misbehaves in its own way."""

    url: str
    ssl_context: ssl.SSLContext
    received: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    """Paths and headers of the requests."""
    stalled: threading.Event = field(default_factory=threading.Event)
    """Set to end responses that do not end by themselves."""


@contextmanager
def image_server(folder: Path) -> Iterator[ImageServer]:
    key, certificate = self_signed(folder, "IP:127.0.0.1")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.socket = server_context(key, certificate).wrap_socket(server.socket, server_side=True)
    trusting = ssl.create_default_context(cafile=str(certificate))
    images = ImageServer(f"https://127.0.0.1:{server.server_port}", trusting)
    server.images = images  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield images
    finally:
        images.stalled.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        images: ImageServer = self.server.images  # type: ignore[attr-defined]
        images.received.append((self.path, dict(self.headers.items())))
        match self.path:
            case "/good":
                self._respond(200, IMAGE_FILE)
            case "/redirect":
                self._respond(302, b"", Location="/good")
            case "/gzip":
                self._respond(200, IMAGE_FILE, Content_Encoding="gzip")
            case "/page":
                self._respond(200, b"<!DOCTYPE html>")
            case "/endless":
                self._respond(200)
                while not images.stalled.is_set():
                    self.wfile.write(bytes(1 << 20))
            case "/stalled":
                self._respond(200, IMAGE_FILE[:100], Content_Length="5000")
                images.stalled.wait(60)
            case "/cut":
                self._respond(200, IMAGE_FILE[:100], Content_Length="5000")
            case _:
                self._respond(404, b"")

    def _respond(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:
            self.close_connection = True  # the client has disconnected

    def log_message(self, *_: object) -> None:
        pass
