"""A fake model hub: the endpoints of the real one that its client calls, over HTTP."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPOSITORY = "own/er"
GATED = "own/gated"

_ERRORS = {GATED: (403, "GatedRepo"), "own/gone": (401, "RepoNotFound")}


class Hub(ThreadingHTTPServer):
    """Serves one folder as the repository `own/er`, with the branch `main`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
        self.downloads: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def hub(folder: Path) -> Iterator[Hub]:
    with Hub(folder) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None: ...

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = self.path.partition("?")[0].removeprefix("/api/models").strip("/")
        owner, name, *rest = path.split("/")
        match rest:
            case _ if f"{owner}/{name}" != REPOSITORY:
                self._error(*_ERRORS[f"{owner}/{name}"])
            case ["revision", "main" | _, *_] if rest[1] not in ("main", COMMIT):
                self._error(404, "RevisionNotFound")
            case ["revision", *_]:
                self._send(json.dumps({"id": REPOSITORY, "sha": COMMIT, "siblings": self._siblings()}).encode())
            case ["tree", *_]:
                self._send(json.dumps(self._tree()).encode())
            case ["resolve", _, *file] if "/".join(file) in self.server.files:
                self._file("/".join(file))
            case _:
                self._error(404, "EntryNotFound")

    def _siblings(self) -> list[dict[str, str]]:
        return [{"rfilename": name} for name in self.server.files]

    def _tree(self) -> list[dict[str, object]]:
        return [
            {"type": "file", "path": name, "size": path.stat().st_size, "oid": hashlib.sha1(name.encode()).hexdigest()}
            for name, path in self.server.files.items()
        ]

    def _file(self, name: str) -> None:
        if self.command == "GET":
            self.server.downloads.append(name)
        data = self.server.files[name].read_bytes()
        self._send(data, ETag=f'"{hashlib.sha256(data).hexdigest()}"', **{"X-Repo-Commit": COMMIT})

    def _error(self, status: int, code: str) -> None:
        self._send(b"", status, **{"X-Error-Code": code})

    def _send(self, data: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)
