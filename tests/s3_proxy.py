"""A proxy before an S3 server that lacks operations, as stores that are compatible in part do."""

import threading
from collections import Counter
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal, Self
from urllib.parse import parse_qs, urlsplit

_ERROR = '<?xml version="1.0"?><Error><Code>{code}</Code><Message>{code}</Message></Error>'
_NOTHING_DELETED = b'<?xml version="1.0"?><DeleteResult></DeleteResult>'
_HOP_BY_HOP = {"connection", "expect", "transfer-encoding", "content-length", "date", "server"}

MultiDelete = Literal["works", "MissingContentMD5", "NotImplemented", "MethodNotAllowed", "ignored", "AccessDenied"]
"""Answer to `POST ?delete`: an error code, or success without any effect."""

_STATUS = {"MissingContentMD5": 400, "NotImplemented": 501, "MethodNotAllowed": 405, "AccessDenied": 403}


class S3Proxy:
    """Forwards to a local S3 server and refuses what its fields say; counts requests by operation."""

    def __init__(self, upstream_port: int) -> None:
        self.multi_delete: MultiDelete = "works"
        self.single_delete: Literal["works", "AccessDenied", "ignored"] = "works"
        self.multipart: Literal["works", "NotImplemented"] = "works"
        self.put: Literal["works", "corrupts", "QuotaExceeded"] = "works"
        self.requests = Counter[str]()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_request(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                operation = _operation(self.command, self.path)
                proxy.requests[operation] += 1
                if refusal := proxy._refusal(operation):
                    return self.answer(*refusal)
                if operation == "put" and proxy.put == "corrupts":
                    return self.forward(body, tail=b"!")
                return self.forward(body)

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_request  # noqa: N815

            def forward(self, body: bytes, tail: bytes = b"") -> None:
                """`tail`: bytes that the store adds to the object."""
                upstream = HTTPConnection("127.0.0.1", upstream_port)
                headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP}
                upstream.request(self.command, self.path, body or None, headers)
                response = upstream.getresponse()
                answer = response.read()
                if tail and response.status == 200:
                    proxy._tails[urlsplit(self.path).path] = tail
                if self.command == "GET":
                    answer += proxy._tails.get(urlsplit(self.path).path, b"")
                length = response.getheader("Content-Length") if self.command == "HEAD" else str(len(answer))
                self.answer(response.status, answer, response.getheaders(), length)
                upstream.close()

            def answer(
                self, status: int, body: bytes, headers: list[tuple[str, str]] | None = None, length: str | None = None
            ) -> None:
                self.send_response(status)
                for name, value in headers or [("Content-Type", "application/xml")]:
                    if name.lower() not in _HOP_BY_HOP:
                        self.send_header(name, value)
                self.send_header("Content-Length", length or str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._tails: dict[str, bytes] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _refusal(self, operation: str) -> tuple[int, bytes] | None:
        if operation == "delete_many" and self.multi_delete == "ignored":
            return 200, _NOTHING_DELETED
        if operation == "delete" and self.single_delete == "ignored":
            return 204, b""
        how = {
            "delete_many": self.multi_delete,
            "delete": self.single_delete,
            "create_multipart": self.multipart,
            "put": "works" if self.put == "corrupts" else self.put,
        }.get(operation, "works")
        return None if how == "works" else (_STATUS.get(how, 403), _ERROR.format(code=how).encode())


def _operation(method: str, path: str) -> str:
    query = parse_qs(urlsplit(path).query, keep_blank_values=True)
    if method == "POST":
        return "delete_many" if "delete" in query else "create_multipart" if "uploads" in query else "other"
    if method == "GET" and "list-type" in query:
        return "list"
    return method.lower()
