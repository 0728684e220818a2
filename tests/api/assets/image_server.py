"""A web server with pictures, as they are in the world: over TLS, and not always as one would like it."""

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
    """`/good` has a picture; the other paths are what a hostile or broken server does."""

    url: str
    ssl_context: ssl.SSLContext
    received: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    """Paths and headers."""
    stalled: threading.Event = field(default_factory=threading.Event)
    """Ends what does not end by itself."""


@contextmanager
def image_server(folder: Path) -> Iterator[ImageServer]:
    key, certificate = self_signed(folder, "IP:127.0.0.1")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.socket = server_context(key, certificate).wrap_socket(server.socket, server_side=True)
    trusting = ssl.create_default_context(cafile=str(certificate))
    pictures = ImageServer(f"https://127.0.0.1:{server.server_port}", trusting)
    server.pictures = pictures  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield pictures
    finally:
        pictures.stalled.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        pictures: ImageServer = self.server.pictures  # type: ignore[attr-defined]
        pictures.received.append((self.path, dict(self.headers.items())))
        match self.path:
            case "/good":
                self._answer(200, IMAGE_FILE)
            case "/redirect":
                self._answer(302, b"", Location="/good")
            case "/gzip":
                self._answer(200, IMAGE_FILE, Content_Encoding="gzip")
            case "/page":
                self._answer(200, b"<!DOCTYPE html>")
            case "/endless":
                self._answer(200)
                while not pictures.stalled.is_set():
                    self.wfile.write(bytes(1 << 20))
            case "/stalled":
                self._answer(200, IMAGE_FILE[:100], Content_Length="5000")
                pictures.stalled.wait(60)
            case "/cut":
                self._answer(200, IMAGE_FILE[:100], Content_Length="5000")
            case _:
                self._answer(404, b"")

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:
            self.close_connection = True  # the client has heard enough

    def log_message(self, *_: object) -> None:
        pass
